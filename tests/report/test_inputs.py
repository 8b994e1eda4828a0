import json
from pathlib import Path

import pandas as pd
import pytest

from pipeline.errors import UserError
from pipeline.report.inputs import read_run
from tests.report.synthetic import METHODS, Made, write_run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_run(
        tmp_path / "tiny", scenarios=[Made("s", ("mu",), ("membership",), 2, 2)], with_examples=False
    )


def test_a_run_is_read_with_its_types(folder: Path):
    run = read_run(folder)
    assert run.name == "tiny"
    assert run.scenarios == ["s"]
    assert tuple(run.methods) == METHODS
    assert run.timings["dataset"].isna().sum() == 1  # the build
    assert run.certificates["certified"].dtype == bool
    assert all(isinstance(reason, str) for reason in run.status["reason"])
    assert run.examples == {}


@pytest.mark.parametrize(
    "name", ["scores.parquet", "timings.csv", "status.csv", "certificates.csv", "provenance.json"]
)
def test_a_missing_or_damaged_file_is_named(folder: Path, name: str):
    (folder / name).write_bytes(b"\xff\xfe\x00 no such thing")
    with pytest.raises(UserError, match=name):
        read_run(folder)
    (folder / name).unlink()
    with pytest.raises(UserError, match=f"{name}: no such file"):
        read_run(folder)


def test_a_missing_folder_is_named(tmp_path: Path):
    with pytest.raises(UserError, match="no such folder"):
        read_run(tmp_path / "none")


def test_a_cell_of_the_wrong_type_is_named_with_its_row(folder: Path):
    table = pd.read_csv(folder / "timings.csv", dtype=str, keep_default_na=False)
    table.loc[1, "wall_s"] = "soon"
    table.to_csv(folder / "timings.csv", index=False)
    with pytest.raises(UserError, match=r"timings.csv: column wall_s, data row 2: found 'soon'"):
        read_run(folder)


def test_a_fractional_data_set_is_refused(folder: Path):
    table = pd.read_csv(folder / "status.csv", dtype=str, keep_default_na=False)
    table.loc[0, "dataset"] = "1.5"
    table.to_csv(folder / "status.csv", index=False)
    with pytest.raises(UserError, match="column dataset"):
        read_run(folder)


def test_a_table_without_rows_and_columns_is_an_empty_one(folder: Path):
    (folder / "certificates.csv").write_text("\n")
    assert read_run(folder).certificates.empty


def test_scores_without_rows_are_read_whatever_the_types_of_their_columns(folder: Path):
    """As the collecting job writes them where every fit failed."""
    table = pd.read_parquet(folder / "scores.parquet").iloc[:0]
    table.astype({"dataset": "int64"}).to_parquet(folder / "scores.parquet")
    assert read_run(folder).scores.empty


def test_words_that_pandas_takes_for_missing_stay_words(folder: Path):
    table = pd.read_csv(folder / "status.csv", dtype=str, keep_default_na=False)
    table.loc[0, ["status", "reason"]] = ["failed", "NA"]
    table.to_csv(folder / "status.csv", index=False)
    assert read_run(folder).status.loc[0, "reason"] == "NA"


def test_provenance_must_be_an_object(folder: Path):
    (folder / "provenance.json").write_text(json.dumps([1]))
    with pytest.raises(UserError, match="holds list"):
        read_run(folder)
