"""Dependencies between modules are read off their imports."""

from pathlib import Path

from pipeline.sources import hash_of, sources_of


def names(*modules):
    return {str(Path(file).relative_to(Path(__file__).parents[1])) for file in sources_of(*modules)}


def test_imports_are_followed():
    found = names("pipeline.posterior_io")
    assert {"pipeline/posterior_io.py", "pipeline/files.py", "pipeline/errors.py"} <= found
    assert "pipeline/fitting.py" not in found


def test_a_scenario_does_not_depend_on_another():
    assert "pipeline/scenarios/hmm_ordered.py" not in names("pipeline.scenarios.gmm_ordered")


def test_reports_depend_on_no_model():
    found = names("pipeline.report.render") - {"pipeline/scenarios/base.py"}  # the type of a data set
    assert "pipeline/report/tables.py" in found
    assert not any(
        f.startswith(("pipeline/stan/", "pipeline/methods/", "pipeline/scenarios/")) for f in found
    )


def test_scores_know_neither_stan_nor_methods():
    found = names("pipeline.scores.evaluate")
    assert not any(f.startswith(("pipeline/stan/", "pipeline/methods/")) for f in found)


def test_hash_is_of_contents():
    assert hash_of("pipeline.seeds") != hash_of("pipeline.errors")
