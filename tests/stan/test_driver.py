"""What the executable does with data, initial values, threads and models, where the goldens say nothing."""

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest

from tests.stan.driver import MIXTURE_DATA, SHORT, read_draws

pytestmark = pytest.mark.slow


def initial(sigma: float) -> str:
    return json.dumps({"weight": [0.4, 0.6], "mu": [-1.0, 1.0], "sigma": sigma})


def first_sigma(file: str) -> float:
    names, draws = read_draws(file)
    return draws[0, names.index("sigma")]


FIXED = "sample algorithm=fixed_param num_samples=1"


def test_initial_values_of_each_chain(stan):
    for chain, sigma in ((5, 0.5), (6, 0.6)):
        Path(f"start_{chain}.json").write_text(initial(sigma))
    stan(
        "mixture",
        f"{FIXED.replace('algorithm', 'num_chains=2 algorithm')} id=5 init=start.json {MIXTURE_DATA}",
    )
    assert [first_sigma("output_5.csv"), first_sigma("output_6.csv")] == [0.5, 0.6]


def test_one_file_of_initial_values_for_all_chains(stan):
    Path("start.json").write_text(initial(0.7))
    stan("mixture", f"sample num_chains=2 algorithm=fixed_param num_samples=1 init=start.json {MIXTURE_DATA}")
    assert [first_sigma("output_1.csv"), first_sigma("output_2.csv")] == [0.7, 0.7]


def test_a_missing_file_of_initial_values(stan):
    Path("start_1.json").write_text(initial(0.7))
    finished = stan("mixture", f"{SHORT} num_chains=2 init=start.json {MIXTURE_DATA}", ok=False)
    assert 'cannot open "start_2.json"' in finished.stderr


def test_a_file_name_may_begin_with_a_number(stan):
    Path("2nd.json").write_text(initial(0.9))
    stan("mixture", f"{FIXED} init=2nd.json {MIXTURE_DATA}")
    assert first_sigma("output.csv") == 0.9


@pytest.mark.parametrize(
    "init, complaint",
    [
        ("1e400", 'Can\'t open specified file, "1e400"'),
        ("1e-400", 'Can\'t open specified file, "1e-400"'),
        ("inf", "must be finite"),
        ("nan", "must be finite"),
        ("-1", "must not be negative"),
    ],
)
def test_a_radius_that_no_start_can_be_drawn_from(stan, init, complaint):
    assert complaint in stan("mixture", f"{SHORT} init={init} {MIXTURE_DATA}", ok=False).stderr


def test_r_dump_data_are_read_with_a_warning(stan):
    Path("mixture.data.R").write_text("N <- 2\ny <- c(1.5, -0.5)\n")
    finished = stan("mixture", f"{SHORT} data file=mixture.data.R output file=r.csv random seed=1")
    assert "is being read as an 'RDump' file" in finished.stderr
    Path("same.json").write_text('{"N": 2, "y": [1.5, -0.5]}')
    stan("mixture", f"{SHORT} data file=same.json output file=j.csv random seed=1")
    np.testing.assert_array_equal(read_draws("r.csv")[1], read_draws("j.csv")[1])


def test_threads_of_the_environment_and_of_the_command_line_must_agree(stan, monkeypatch):
    monkeypatch.setitem(os.environ, "STAN_NUM_THREADS", "2")
    shown = stan("mixture", f"{SHORT} {MIXTURE_DATA}").stdout
    assert "num_threads = 2 (Default)" in shown
    assert "STAN_NUM_THREADS= 2" in stan("mixture", f"{SHORT} num_threads=3 {MIXTURE_DATA}", ok=False).stderr


def test_threads_do_not_change_draws(stan):
    for threads in (1, 2):
        stan(
            "mixture",
            f"{SHORT} num_chains=3 {MIXTURE_DATA} random seed=5 num_threads={threads} output file=t{threads}",
        )
    for chain in (1, 2, 3):
        np.testing.assert_array_equal(read_draws(f"t1_{chain}.csv")[1], read_draws(f"t2_{chain}.csv")[1])
        assert not np.array_equal(read_draws("t1_1.csv")[1], read_draws("t1_2.csv")[1])


def test_static_hmc_runs_one_chain(stan):
    words = f"sample num_chains=2 algorithm=hmc engine=static {MIXTURE_DATA}"
    assert "unavailable for the 'static' HMC engine" in stan("mixture", words, ok=False).stderr


@pytest.mark.parametrize("engine", ["nuts", "static"])
def test_a_metric_file_must_be_readable_even_where_it_is_not_used(stan, engine):
    words = f"sample algorithm=hmc engine={engine} metric=unit_e metric_file=none.json {MIXTURE_DATA}"
    assert 'Can\'t open specified file, "none.json"' in stan("mixture", words, ok=False).stderr


def test_adaptation_needs_warmup(stan):
    finished = stan("mixture", f"sample num_warmup=0 {MIXTURE_DATA}", ok=False)
    assert "must be greater than zero if adaptation is enabled" in finished.stderr


def test_generated_quantities_of_several_files(stan):
    stan(
        "mixture",
        f"sample num_samples=6 num_warmup=50 num_chains=2 {MIXTURE_DATA} output file=fit.csv sig_figs=17",
    )
    stan("mixture", f"generate_quantities fitted_params=fit.csv num_chains=2 {MIXTURE_DATA} random seed=3")
    for chain in (1, 2):
        names, generated = read_draws(f"output_{chain}.csv")
        fit_names, fit = read_draws(f"fit_{chain}.csv")
        assert names == ["z", "y_rep"] and generated.shape == (6, 2)
        assert set(generated[:, 0]) <= {1, 2}
        mean = np.where(generated[:, 0] == 1, *(fit[:, fit_names.index(f"mu.{k}")] for k in (1, 2)))
        assert (np.abs(generated[:, 1] - mean) < 6 * fit[:, fit_names.index("sigma")]).all()
    stan("mixture", f"generate_quantities fitted_params=fit_1.csv {MIXTURE_DATA} random seed=3")
    np.testing.assert_array_equal(read_draws("output.csv")[1], read_draws("output_1.csv")[1])


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("lp__,mu.1\n1,2\n", "Mismatch between model and fitted_parameters csv file"),
        ("lp__,weight.1,weight.2,mu.1,mu.2,sigma\n0,.4,.6,-1,1\n", "expected 6 columns, but found 5"),
        ("lp__,weight.1,weight.2,mu.1,mu.2,sigma\n0,.4,.6,-1,1,much\n", "bad value for sigma"),
        ("# nothing\n", "Error reading fitted param names"),
    ],
)
def test_draws_that_do_not_fit_the_model(stan, text, complaint):
    Path("fit.csv").write_text(text)
    words = f"generate_quantities fitted_params=fit.csv {MIXTURE_DATA}"
    assert complaint in stan("mixture", words, ok=False).stderr


def test_log_density_of_draws_is_the_sampler_s(stan):
    stan("mixture", f"sample num_samples=5 num_warmup=50 {MIXTURE_DATA} output file=fit.csv sig_figs=17")
    stan("mixture", f"log_prob constrained_params=fit.csv {MIXTURE_DATA} output sig_figs=17")
    np.testing.assert_allclose(read_draws("output.csv")[1][:, 0], read_draws("fit.csv")[1][:, 0], rtol=1e-12)


def test_laplace_from_json_writes_its_hessian(stan):
    Path("mode.json").write_text(initial(0.8))
    stan("mixture", f"laplace mode=mode.json draws=2 {MIXTURE_DATA} output diagnostic_file=hessian")
    report = json.loads(Path("hessian.json").read_text())
    hessian = np.array(report["Hessian"])
    assert len(report["gradient"]) == 4
    np.testing.assert_allclose(hessian, hessian.T, rtol=1e-4)


def test_pathfinder_keeps_single_paths(stan):
    stan(
        "mixture", f"pathfinder num_paths=2 num_draws=10 num_psis_draws=5 save_single_paths=1 {MIXTURE_DATA}"
    )
    assert read_draws("output.csv")[1].shape == (5, 10)
    for path in (1, 2):
        assert read_draws(f"output_path_{path}.csv")[1].shape == (10, 10)
        iterations = json.loads(Path(f"output_path_{path}.json").read_text())
        assert iterations["1"]["iter"] == 1


def test_a_gradient_that_is_off_is_a_failure(stan):
    finished = stan(
        "mixture", f"diagnose test=gradient epsilon=0.1 error=1e-9 {MIXTURE_DATA} random seed=1", ok=False
    )
    assert "TEST GRADIENT MODE" in finished.stdout


def test_a_model_that_prints_profiles_and_has_variables_without_elements(stan):
    Path("n.json").write_text('{"N": 0}')
    finished = stan("console", f"{SHORT} data file=n.json output profile_file=p.csv")
    assert "data block done, N = 0" in finished.stdout
    assert read_draws("output.csv")[0][7:] == ["x"]
    with Path("p.csv").open() as file:
        profiles = {row["name"]: row for row in csv.DictReader(file)}
    assert profiles.keys() == {"prior", "rest"}
    assert int(profiles["prior"]["autodiff_calls"]) > 4
    assert float(profiles["prior"]["total_time"]) > 0


def test_names_of_all_kinds_of_variables(stan):
    Path("k.json").write_text('{"K": 3}')
    stan("kinds", f"{SHORT} data file=k.json")
    names, _ = read_draws("output.csv")
    assert {"b.2.3", "M.2.1", "v.1.2", "S.2.2", "z.real", "z.imag", "t:1", "t:2.1.2", "g:1", "g:2"} <= set(
        names
    )


def test_rejections_in_generated_quantities_leave_gaps_but_finish(stan):
    Path("t.json").write_text('{"throws_in_data": 0}')
    finished = stan("throwing", "sample num_samples=50 num_warmup=100 data file=t.json random seed=1")
    names, draws = read_draws("output.csv")
    rejected = np.isnan(draws[:, names.index("drawn_in_data")])
    np.testing.assert_array_equal(rejected, draws[:, names.index("x")] > 1)
    assert finished.stdout.count("generated part") == rejected.sum()


def test_without_parameters_only_generated_quantities_are_drawn(stan):
    finished = stan("no_parameters", f"{SHORT} random seed=1")
    assert "running fixed_param sampler" in finished.stdout
    assert read_draws("output.csv")[0] == ["lp__", "accept_stat__", "u"]
    assert "has no parameters" in stan("no_parameters", "log_prob constrained_params=x.json", ok=False).stderr
    assert "cannot run Pathfinder" in stan("no_parameters", "pathfinder", ok=False).stderr
