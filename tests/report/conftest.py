from pathlib import Path

import pytest

from tests.report.synthetic import write_run


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made-up run of the default configuration's size, with its report."""
    from pipeline.report.render import render_report

    folder = write_run(tmp_path_factory.mktemp("results") / "default")
    render_report(folder)
    return folder
