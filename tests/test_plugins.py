"""Plug-ins: the documented examples from a folder outside, and what is said of faulty ones."""

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from pipeline import plugins
from pipeline.config import check_config
from pipeline.errors import UserError
from pipeline.methods import get_method, method_names
from pipeline.scenarios import get_scenario
from pipeline.sources import sources_of

ROOT = Path(__file__).parents[1]


def example(document: str, language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", (ROOT / "docs" / document).read_text(), re.S)
    assert found
    return found[1]


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """A folder of somebody's with the documented method and scenario in one file."""
    monkeypatch.setenv(plugins.VARIABLE, "[]")
    method_names()  # the suite's own register once, when they are first imported
    monkeypatch.setattr("pipeline.methods._REGISTRY", dict(sys.modules["pipeline.methods"]._REGISTRY))
    folder = tmp_path / "Größe und Maß"
    folder.mkdir()
    method, scenario = example("adding-a-method.md", "python"), example("adding-a-scenario.md", "python")
    (folder / "mine.py").write_text(f"{scenario}\n\n{method}")
    (folder / "outliers.stan").write_text(example("adding-a-scenario.md", "stan"))
    return folder / "mine.py"


def configuration(**blocks):
    return {
        "run": "plugged",
        "seed": 3,
        "scenarios": {"outliers": {"n_datasets": 1, "n_obs": [60, 80]}},
        "methods": {"nuts": {}, "mode-jitter": {"scale": 0.2}},
        **blocks,
    }


def test_a_file_brings_its_methods_and_scenarios(outside):
    with pytest.raises(UserError, match="no scenario 'outliers'"):
        check_config(configuration())
    config = check_config(configuration(plugins=[str(outside)]))
    assert ("outliers", "mode-jitter") in config.cells
    assert config.scenarios["outliers"].stan_file == outside.with_name("outliers.stan")
    assert "mode-jitter" in method_names()
    # The workflow reruns what a changed plug-in touches.
    module = type(get_method("mode-jitter", {})).__module__
    assert {str(outside), str(ROOT / "pipeline/stan/gaussian.py")} <= set(sources_of(module))
    # Jobs are processes of their own.
    code = "from pipeline.methods import method_names; print('mode-jitter' in method_names())"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert found.stdout == "True\n"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import no_such_package", r"line 1: importing it failed: ModuleNotFoundError: .*no_such_package"),
        ("\n\nx = 1 / 0", "line 3: importing it failed: ZeroDivisionError"),
        ("x = ", "importing it failed: SyntaxError"),
        ("import sys\nsys.exit(3)", "line 2: importing it failed: SystemExit: 3"),
        ("x = 1", "defines no method and no scenario"),
        (
            "from pipeline.methods import register\nfrom pipeline.methods.base import Method\n"
            "@register\nclass Mine(Method):\n    name = 'nuts'\n    def fit(self, task): ...\n",
            "line 3: .*two methods are called 'nuts'",
        ),
    ],
)
def test_faulty_plugins_are_named(outside, code, message):
    outside.write_text(code)
    with pytest.raises(UserError, match=f"plugins: {re.escape(str(outside))}.*{message}"):
        check_config(configuration(plugins=[str(outside)]))


def test_missing_files_are_named(outside):
    with pytest.raises(UserError, match=r"plugins: .*/none.py: there is no such file"):
        check_config(configuration(plugins=[str(outside.with_name("none.py"))]))
    outside.with_name("outliers.stan").unlink()
    with pytest.raises(UserError, match=r"scenarios\.outliers: its Stan program outliers\.stan is not at"):
        check_config(configuration(plugins=[str(outside)]))


def test_two_programs_of_one_name_are_refused(outside):
    outside.with_name("gmm_ordered.stan").write_text("parameters { real x; }\n")
    code = outside.read_text().replace('"outliers.stan"', '"gmm_ordered.stan"')
    outside.write_text(code)
    scenarios = {"gmm-ordered": {}, "outliers": {}}
    with pytest.raises(
        UserError, match=r"scenarios\.outliers: two Stan programs are called gmm_ordered\.stan"
    ):
        check_config(configuration(plugins=[str(outside)], scenarios=scenarios))


def test_two_scenarios_of_one_name_are_refused(outside):
    outside.write_text(outside.read_text().replace('= "outliers"', '= "galaxies"'))
    with pytest.raises(UserError, match="Two scenarios are called 'galaxies'"):
        check_config(configuration(plugins=[str(outside)]))


@pytest.mark.slow
def test_contracts_name_the_plugin_the_method_and_what_it_broke(outside):
    def checked():
        command = [sys.executable, "-m", "pipeline.contracts", str(outside)]
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)

    found = checked()
    assert found.returncode == 0, found.stderr
    assert "ok      method mode-jitter: on outliers" in found.stdout
    assert "ok      scenario outliers: labels are declared" in found.stdout
    # A density without its Jacobian term, and memberships that do not sum to one.
    code = outside.read_text()
    code = code.replace("density = Gaussian(centre,", "density = Gaussian(centre + 0.5,")
    code = code.replace('return {"membership": mixture', 'return {"membership": 0.9 * mixture')
    outside.write_text(code)
    found = checked()
    assert found.returncode == 1
    assert f"plug-in {outside}: scenario outliers: memberships are probabilities of each draw" in found.stderr
    assert f"plug-in {outside}: method mode-jitter: on gmm-ordered: AssertionError" in found.stderr


def test_an_installed_package_offers_a_module(outside, monkeypatch):
    monkeypatch.syspath_prepend(outside.parent)
    entries = [
        metadata.EntryPoint("mine", "mine", plugins.GROUP),
        metadata.EntryPoint("other", "no_such", "else"),
    ]
    monkeypatch.setattr(
        plugins.metadata, "entry_points", lambda group: [entry for entry in entries if entry.group == group]
    )
    plugins._installed.cache_clear()
    try:
        assert ("outliers", "mode-jitter") in check_config(configuration()).cells
        entries[0] = metadata.EntryPoint("mine", "no_such_module", plugins.GROUP)
        plugins._installed.cache_clear()
        with pytest.raises(UserError, match=r"plugins: mine \(no_such_module\): importing it failed"):
            check_config(configuration())
    finally:
        plugins._installed.cache_clear()
        sys.modules.pop("mine", None)


def test_scenarios_of_the_suite_keep_their_programs():
    assert get_scenario("galaxies", {}).stan_file == ROOT / "stan" / "gmm.stan"
