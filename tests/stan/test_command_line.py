"""The executable's command line and the files it writes, where the goldens say nothing."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests.stan.driver import MIXTURE_DATA, SHORT, read_draws

pytestmark = pytest.mark.slow


def listing(stdout: str) -> dict[str, str]:
    """Return the configuration, which ends at the first empty line; Stan's messages have a similar form."""
    head = stdout.partition("\n\n")[0]
    return dict(re.findall(r"^ *(\w+) = (.*?)(?: \(Default\))?$", head, re.MULTILINE))


def test_help_lists_every_argument_of_a_run(stan):
    named = set(re.findall(r"^ +(\w+)=<", stan("mixture", "help-all").stdout, re.MULTILINE))
    used = listing(stan("mixture", f"{SHORT} {MIXTURE_DATA}").stdout)
    assert used.keys() <= named
    assert {
        "unconstrained_params",
        "fitted_params",
        "mode",
        "psis_resample",
        "elbo_samples",
        "epsilon",
    } <= named


@pytest.mark.parametrize("words", ["help", "sample help", "sample adapt help", "sample adapt delta help-all"])
def test_help_is_no_failure(stan, words):
    finished = stan("mixture", words)
    assert "Usage:" in finished.stdout
    assert ("delta" in finished.stdout) == ("adapt" in words)


def test_nothing_asked_for_is_a_failure(stan):
    assert "Usage:" in stan("mixture", "", ok=False).stdout


@pytest.mark.parametrize(
    "words, complaint",
    [
        ("sample stepsize=0.1", "  method=sample algorithm=hmc stepsize=<double>"),
        ("sample seed=1", "  random seed=<int>"),
        ("sample sample", "sample is either mistyped or misplaced"),
        ("optimize algorithm=adam", "  Valid values: bfgs, lbfgs, newton"),
        ("sample adapt delta=1", "  Valid values: 0.100000 <= delta <= 1.000000"),
        ("sample adapt engaged=yes", "yes is not a valid value for"),
        ("sample adapt init_buffer=-1", "-1 is not a valid value for"),
        ("sample random seed=4294967296", "4294967296 is not a valid value for"),
        ("sample num_threads=0", "0 is not a valid value for"),
        ("id=1 id=2 sample", "id=2 is either mistyped or misplaced"),
    ],
)
def test_refused_words(stan, words, complaint):
    finished = stan("mixture", words, ok=False)
    assert complaint in finished.stderr
    assert finished.stdout == ""


@pytest.mark.parametrize("word, value", [("1", "true"), ("true", "true"), ("0", "false"), ("false", "false")])
def test_flags_have_two_spellings(stan, word, value):
    assert (
        listing(stan("mixture", f"{SHORT} save_warmup={word} {MIXTURE_DATA}").stdout)["save_warmup"] == value
    )


def test_a_window_may_exceed_what_a_signed_number_holds(stan):
    shown = listing(stan("mixture", f"{SHORT} adapt window=4294967295 {MIXTURE_DATA}").stdout)
    assert shown["window"] == "4294967295"
    refused = stan("mixture", f"{SHORT} adapt window=4294967296 {MIXTURE_DATA}", ok=False)
    assert "4294967296 is not a valid value for" in refused.stderr


def test_without_a_seed_the_clock_gives_one_and_it_repeats_the_run(stan):
    seed = listing(stan("mixture", f"{SHORT} {MIXTURE_DATA} output file=a.csv").stdout)["seed"]
    assert int(seed) > 0
    stan("mixture", f"{SHORT} {MIXTURE_DATA} random seed={seed} output file=b.csv")
    np.testing.assert_array_equal(read_draws("a.csv")[1], read_draws("b.csv")[1])


@pytest.mark.parametrize(
    "file, names",
    [
        ("out.csv", ["out_3.csv", "out_4.csv"]),
        ("out", ["out_3.csv", "out_4.csv"]),
        ("out.txt", ["out_3.txt", "out_4.txt"]),
        ("a.b/out", ["a.b/out_3.csv", "a.b/out_4.csv"]),
        (".out", [".out_3.csv", ".out_4.csv"]),
    ],
)
def test_names_of_chains(stan, file, names):
    Path("a.b").mkdir()
    stan("mixture", f"{SHORT} num_chains=2 id=3 {MIXTURE_DATA} output file={file}")
    assert sorted(str(path) for path in Path().rglob("*out*")) == names


def test_every_output_of_several_chains(stan):
    stan(
        "mixture",
        f"sample num_samples=4 num_warmup=25 adapt save_metric=1 num_chains=2 {MIXTURE_DATA} "
        "output diagnostic_file=d.csv save_cmdstan_config=1",
    )
    assert sorted(path.name for path in Path().iterdir()) == [
        "d_1.csv",
        "d_2.csv",
        "output_1.csv",
        "output_2.csv",
        "output_config.json",
        "output_metric_1.json",
        "output_metric_2.json",
    ]
    names, draws = read_draws("d_2.csv")
    assert names[-8:] == [f"{kind}_{name}" for kind in "pg" for name in ("weight.1", "mu.1", "mu.2", "sigma")]
    assert draws.shape == (4, 7 + 3 * 4)


def test_an_adapted_metric_can_be_the_start_of_another_run(stan):
    stan("mixture", f"sample num_warmup=200 num_samples=1 adapt save_metric=1 {MIXTURE_DATA} random seed=1")
    metric = json.loads(Path("output_metric.json").read_text())
    # Stan's reader takes no words, so the metric's name must go, as it does in CmdStanPy's hands.
    assert metric.pop("metric_type") == "diag_e"
    Path("metric.json").write_text(json.dumps(metric))
    again = (
        f"sample num_samples=5 num_warmup=0 adapt engaged=0 algorithm=hmc metric_file=metric.json "
        f"stepsize={metric['stepsize']} {MIXTURE_DATA} random seed=1 output file=again.csv"
    )
    stan("mixture", again)
    names, draws = read_draws("again.csv")
    assert draws[:, names.index("stepsize__")] == pytest.approx([metric["stepsize"]] * 5)


def test_the_configuration_as_json(stan):
    shown = listing(
        stan("mixture", f"{SHORT} {MIXTURE_DATA} random seed=7 output save_cmdstan_config=1").stdout
    )
    config = json.loads(Path("output_config.json").read_text())
    assert config["model_name"] == "mixture_model"
    assert config["method"]["value"] == "sample"
    sample = config["method"]["sample"]
    assert (sample["num_samples"], sample["save_warmup"]) == (4, False)
    assert sample["algorithm"]["hmc"]["engine"]["nuts"]["max_depth"] == int(shown["max_depth"])
    assert config["random"]["seed"] == 7
    assert config["output"]["save_cmdstan_config"] is True
    assert config["stanc_version"] == "stanc3 v2.35.0"


@pytest.mark.parametrize("chains", [1, 2])
def test_a_file_that_cannot_be_written_stops_the_run_before_it_starts(stan, chains):
    finished = stan("mixture", f"{SHORT} num_chains={chains} {MIXTURE_DATA} output file=none/o.csv", ok=False)
    assert re.search(r'Can\'t write output file "none/o(_1)?.csv": No such file', finished.stderr)
    assert "Iteration" not in finished.stdout


@pytest.mark.parametrize(
    "method", ["sample", "optimize save_iterations=1", "pathfinder", "variational iter=200"]
)
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_a_failure(stan, method):
    Path("output.csv").symlink_to("/dev/full")
    finished = stan("mixture", f"{method} {MIXTURE_DATA}", ok=False)
    assert 'Can\'t write output file "output.csv": No space left on device' in finished.stderr


def test_a_folder_is_no_output_file(stan):
    assert (
        "Ill-formed output filename"
        in stan("mixture", f"{SHORT} {MIXTURE_DATA} output file=a/", ok=False).stderr
    )


def test_input_and_output_must_differ(stan):
    stan("mixture", f"optimize jacobian=1 {MIXTURE_DATA}")
    finished = stan("mixture", f"laplace mode=output.csv {MIXTURE_DATA} output file=./output.csv", ok=False)
    assert "Filename conflict" in finished.stderr
    Path("sub").mkdir()
    Path("output.csv").rename("sub/output.csv")
    stan("mixture", f"laplace mode=sub/output.csv draws=3 {MIXTURE_DATA}")
    assert read_draws("output.csv")[1].shape == (3, 10)
