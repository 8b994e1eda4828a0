"""A scenario's data sets in shards, end to end: the same tables as from one job."""

import pandas as pd
import pytest
import xarray as xr

from tests.workflow.test_workflow import make_project, snakemake

CONFIG = """\
run: {run}
seed: 3
shard_size: {size}
scenarios:
  hmm-ordered: {{n_datasets: 3, n_times: 30}}
methods:
  laplace: {{}}
reference: {{warmup: 500, draws: 500}}
"""


@pytest.mark.slow
def test_shards_give_the_tables_of_one_job(tmp_path):
    project = make_project(tmp_path)
    for run, size in (("whole", 3), ("shards", 2)):
        (project / "tiny.yaml").write_text(CONFIG.format(run=run, size=size))
        snakemake(project, "--cores", "2", f"results/{run}/scores.csv")
    whole, shards = project / "results/whole", project / "results/shards"
    assert not list((shards / "shards").rglob("*.nc")), "shards are removed once they are joined"
    for name in ("scores.csv", "status.csv"):
        pd.testing.assert_frame_equal(pd.read_csv(shards / name), pd.read_csv(whole / name), check_exact=True)
    assert len(pd.read_csv(whole / "status.csv")) == 9
    for fit in ("laplace", "reference-1", "reference-2"):
        for group in ("posterior", "unconstrained_posterior", "sample_stats", "membership"):
            files = [run / f"draws/hmm-ordered/{fit}.nc" for run in (whole, shards)]
            one, other = (xr.load_dataset(file, group=group, engine="h5netcdf") for file in files)
            assert list(one["dataset"]) == [0, 1, 2]
            xr.testing.assert_identical(one, other)
    assert "Nothing to be done" in snakemake(project, "--cores", "2", "results/shards/scores.csv")
