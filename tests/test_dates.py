"""Dates of files after the clock was set back."""

import os
import time

from pipeline.dates import leave_the_future


def test_only_files_of_the_future_are_dated_anew(tmp_path):
    now = time.time()
    old, new = tmp_path / "old", tmp_path / "deep" / "Größe" / "new"
    new.parent.mkdir(parents=True)
    for file, age in ((old, -5000), (new, 5000)):
        file.write_text(file.name)
        os.utime(file, (now + age, now + age))
    leave_the_future(tmp_path)
    assert old.stat().st_mtime == now - 5000
    assert now - 1 <= new.stat().st_mtime <= time.time()
    assert new.read_text() == "new"


def test_a_folder_that_is_not_there_yet_is_no_error(tmp_path):
    leave_the_future(tmp_path / "nothing")
