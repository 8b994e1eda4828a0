"""Dates of files after the clock was set back."""

import os
import time
from types import SimpleNamespace

from pipeline.dates import leave_the_future
from pipeline.job import job


def test_only_files_of_the_future_are_dated_anew(tmp_path):
    now = time.time()
    old, new = tmp_path / "old", tmp_path / "deep" / "Größe" / "new"
    new.parent.mkdir(parents=True)
    for file, age in ((old, -5000), (new, 5000)):
        file.write_text(file.name)
        os.utime(file, (now + age, now + age))
    leave_the_future(tmp_path.rglob("*"))
    assert old.stat().st_mtime == now - 5000
    assert now - 1 <= new.stat().st_mtime <= time.time()
    assert new.read_text() == "new"


def test_a_folder_that_is_not_there_yet_is_no_error(tmp_path):
    leave_the_future((tmp_path / "nothing").rglob("*"))


def test_a_job_during_which_the_clock_is_set_back_leaves_no_input_in_the_future(tmp_path):
    """Snakemake dates outputs as of now when the job has ended, and refuses those older than an input."""
    data = tmp_path / "data.nc"
    data.write_text("data")
    log = [str(tmp_path / "fit.log")]
    with job(SimpleNamespace(log=log, input=[str(data), "gone"], rule="fit", threads=1)):
        later = time.time() + 3600
        os.utime(data, (later, later))
    assert data.stat().st_mtime <= time.time()
