"""The join stage: shards of draws and their records to the files that one job would have written."""

import json
from collections.abc import Sequence
from pathlib import Path

from pipeline.files import write_json
from pipeline.posterior_io import join_posteriors


def join_shards(draws: Sequence[Path], records: Sequence[Path], draws_file: Path, record_file: Path) -> None:
    """Join files of draws, and records, given in the order of their data sets.

    What a method went through once for all data sets (loading a network) counts once, by the first shard:
    that the other shards' processes repeat it is a cost of this workflow, not of the method.
    """
    join_posteriors(draws_file, draws)
    shards = [json.loads(file.read_text()) for file in records]
    rows = [row for shard in shards for row in shard["data_sets"]]
    write_json(record_file, {**shards[0], "data_sets": rows})
