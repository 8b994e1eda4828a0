"""Write the certified references of all scenarios in posteriordb's layout."""

import json
import shutil
import sys
from pathlib import Path

from pipeline.job import job
from pipeline.posterior_io import read_data_sets, read_posteriors
from pipeline.posteriordb import write_database
from pipeline.reference import Reference
from pipeline.scenarios import get_scenario
from pipeline.settings import construct

with job(snakemake):
    run, folder, written = Path(snakemake.params.run), Path(snakemake.output[0]), []
    shutil.rmtree(folder, ignore_errors=True)
    for name, block in snakemake.params.scenarios.items():
        record = json.loads((run / "fits" / name / "reference-1.json").read_text())
        references = read_posteriors(run / "draws" / name / "reference-1.nc")
        written += write_database(
            folder,
            name,
            get_scenario(name, block),
            read_data_sets(run / "data" / f"{name}.nc", references),
            references,
            {one["dataset"]: one["extra"][-1] for one in record["data_sets"] if one["extra"]},
            construct(Reference, snakemake.params.reference, "reference"),
            snakemake.params.seed,
        )
    print(f"{len(written)} posteriors in {folder}", file=sys.stderr)
