"""CmdStanPy drives the embedded executable as it drives CmdStan's own, with no CmdStan installed."""

import json
import os
import warnings

import arviz
import cmdstanpy
import numpy as np
import pytest

from tests.stan.cmdstan_golden import GOLDEN

pytestmark = pytest.mark.slow

DATA = str(GOLDEN / "mixture.data.json")
PARAMETERS = ["weight[1]", "weight[2]", "mu[1]", "mu[2]", "sigma"]
COLUMNS = [*PARAMETERS, "gap", "z", "y_rep"]
QUIET = {"show_progress": False}


@pytest.fixture(autouse=True)
def _no_cmdstan(monkeypatch, tmp_path):
    """No CmdStan can be found, and what CmdStanPy sets in the environment is undone."""
    monkeypatch.delenv("CMDSTAN", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setitem(os.environ, "STAN_NUM_THREADS", "1")


@pytest.fixture(scope="module")
def model(built_model):
    return cmdstanpy.CmdStanModel(exe_file=str(built_model(GOLDEN / "mixture.stan").executable))


@pytest.fixture(scope="module")
def fit(model):
    return model.sample(data=DATA, seed=1, chains=2, iter_warmup=300, iter_sampling=200, sig_figs=17, **QUIET)


@pytest.fixture(scope="module")
def optimum(model):
    return model.optimize(data=DATA, seed=1, jacobian=True)


def test_the_executable_tells_its_version(model):
    info = model.exe_info()
    assert [info[f"stan_version_{part}"] for part in ("major", "minor", "patch")] == ["2", "35", "0"]
    assert info["STAN_THREADS"] == "true"


def test_draws_of_several_chains_in_one_process(fit):
    assert fit.runset.one_process_per_chain is False
    assert fit.column_names[7:] == tuple(COLUMNS)
    assert fit.draws().shape == (200, 2, 15)
    variables = fit.stan_variables()
    assert {name: draws.shape for name, draws in variables.items()} == {
        "weight": (400, 2),
        "mu": (400, 2),
        "sigma": (400,),
        "gap": (400,),
        "z": (400,),
        "y_rep": (400,),
    }
    np.testing.assert_allclose(variables["weight"].sum(1), 1, rtol=1e-14)
    np.testing.assert_allclose(variables["gap"], np.diff(variables["mu"])[:, 0], rtol=1e-12)
    assert set(np.unique(variables["z"])) == {1, 2}
    assert set(fit.method_variables()) == {
        "lp__",
        "accept_stat__",
        "stepsize__",
        "treedepth__",
        "n_leapfrog__",
        "divergent__",
        "energy__",
    }


def test_adaptation_is_read(fit):
    assert fit.metric_type == "diag_e"
    assert fit.inv_metric.shape == (2, 4)
    assert np.all(fit.inv_metric > 0)
    # The header gives six digits of the step size that every draw carries.
    np.testing.assert_allclose(fit.step_size, fit.method_variables()["stepsize__"][0], rtol=1e-5)
    assert fit.divergences.shape == fit.max_treedepths.shape == (2,)


def test_timing_is_read(fit):
    assert all(time["total"] >= time["sampling"] >= 0 for time in fit.time)


def test_arviz_summarises(fit):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        summary = arviz.summary(arviz.from_cmdstanpy(fit), var_names=["mu", "sigma"])
    draws = fit.stan_variable("sigma")
    assert summary.loc["sigma", "mean"] == pytest.approx(draws.mean(), abs=1e-3)
    assert list(summary.index) == ["mu[0]", "mu[1]", "sigma"]


def test_chains_are_the_same_in_one_process_or_in_several(model, fit):
    other = model.sample(
        data=DATA,
        seed=1,
        chains=2,
        iter_warmup=300,
        iter_sampling=200,
        sig_figs=17,
        force_one_process_per_chain=True,
        **QUIET,
    )
    np.testing.assert_array_equal(other.draws(), fit.draws())


def test_sampling_options(model):
    fit = model.sample(
        data=DATA,
        seed=2,
        chains=2,
        iter_warmup=100,
        iter_sampling=30,
        thin=3,
        save_warmup=True,
        metric="dense_e",
        max_treedepth=5,
        adapt_delta=0.9,
        adapt_init_phase=10,
        adapt_metric_window=20,
        adapt_step_size=15,
        step_size=0.1,
        inits={"sigma": 1.0, "mu": [-1.0, 1.0], "weight": [0.5, 0.5]},
        save_diagnostics=True,
        save_profile=True,
        refresh=10,
        **QUIET,
    )
    assert fit.draws(inc_warmup=True).shape == (34 + 10, 2, 15)
    assert fit.inv_metric.shape == (2, 4, 4)
    np.testing.assert_allclose(fit.inv_metric, np.swapaxes(fit.inv_metric, 1, 2))
    assert fit.metadata.cmdstan_config["max_depth"] == 5
    assert fit.method_variables()["treedepth__"].max() <= 5
    assert len(fit.runset.diagnostic_files) == 2


@pytest.mark.parametrize("inits", [0.0, 1.5])
def test_initial_radius(model, inits):
    fit = model.sample(data=DATA, seed=2, chains=1, iter_warmup=20, iter_sampling=5, inits=inits, **QUIET)
    assert fit.metadata.cmdstan_config["init"] == inits


def test_a_metric_is_taken_from_a_dictionary_or_a_file(model, tmp_path):
    metric = {"inv_metric": [0.2, 0.05, 0.02, 0.03]}
    file = tmp_path / "metric.json"
    file.write_text(json.dumps(metric))
    draws = [
        model.sample(
            data=DATA,
            seed=2,
            chains=1,
            iter_sampling=20,
            adapt_engaged=False,
            iter_warmup=0,
            inv_metric=given,
            step_size=0.25,
            **QUIET,
        ).draws()
        for given in (metric, str(file), None)
    ]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


def test_fixed_parameters(model):
    fit = model.sample(
        data=DATA,
        seed=2,
        chains=2,
        iter_sampling=50,
        fixed_param=True,
        inits={"sigma": 0.8, "mu": [-1.0, 1.0], "weight": [0.4, 0.6]},
        force_one_process_per_chain=True,  # CmdStanPy 1.3.2 forgets num_chains here
        **QUIET,
    )
    np.testing.assert_allclose(fit.stan_variable("mu"), [[-1, 1]] * 100)
    assert fit.stan_variable("y_rep").std() > 0.1


def test_a_model_without_parameters(built_model):
    path = GOLDEN.parent / "models" / "no_parameters.stan"
    model = cmdstanpy.CmdStanModel(exe_file=str(built_model(path).executable))
    fit = model.sample(seed=2, chains=2, iter_sampling=40, **QUIET)
    uniform = fit.stan_variable("u")
    assert uniform.shape == (80,)
    assert len(np.unique(uniform)) == 80
    assert np.all((uniform > 0) & (uniform < 1))


def test_optimize(optimum):
    assert optimum.converged
    values = optimum.optimized_params_dict
    assert list(values) == ["lp__", *COLUMNS]
    # CmdStan's own optimum of this density, from the goldens' "optimize-lbfgs-jacobian".
    assert values["lp__"] == pytest.approx(-72.4451, abs=1e-3)


@pytest.mark.parametrize("algorithm", ["bfgs", "lbfgs", "newton"])
def test_optimizers_agree(model, algorithm):
    fit = model.optimize(data=DATA, seed=1, algorithm=algorithm, save_iterations=algorithm != "newton")
    assert fit.optimized_params_dict["lp__"] == pytest.approx(-71.7815, abs=1e-3)
    if algorithm != "newton":
        densities = fit.optimized_iterations_np[:, 0]
        assert len(densities) > 5 and np.all(np.diff(densities) > -1e-9)


def test_optimizer_options_are_taken(model):
    fit = model.optimize(
        data=DATA,
        seed=1,
        algorithm="lbfgs",
        init_alpha=0.01,
        tol_obj=1e-10,
        tol_rel_obj=1e3,
        tol_grad=1e-6,
        tol_rel_grad=1e5,
        tol_param=1e-6,
        history_size=3,
        iter=500,
    )
    config = fit.metadata.cmdstan_config
    assert (config["history_size"], config["iter"], config["init_alpha"]) == (3, 500, 0.01)


@pytest.mark.parametrize("given", ["fit", "file", "none"])
def test_laplace(model, optimum, given, tmp_path):
    mode = {"fit": optimum, "file": optimum.runset.csv_files[0], "none": None}[given]
    fit = model.laplace_sample(data=DATA, mode=mode, seed=1, draws=500)
    assert fit.draws().shape == (500, 10)
    assert set(fit.method_variables()) == {"log_p__", "log_q__"}
    assert fit.mode.optimized_params_dict["lp__"] == pytest.approx(-72.4451, abs=1e-3)
    # A Gaussian approximation: around the mode, -2 log_q is chi squared with four degrees of freedom.
    assert np.mean(-2 * fit.method_variables()["log_q__"]) == pytest.approx(4, abs=0.6)


@pytest.mark.parametrize("algorithm", ["meanfield", "fullrank"])
def test_variational(model, algorithm):
    fit = model.variational(
        data=DATA, seed=1, algorithm=algorithm, draws=300, require_converged=False, grad_samples=2, iter=2000
    )
    assert fit.variational_sample.shape == (300, 11)
    assert fit.column_names[:3] == ("lp__", "log_p__", "log_g__")
    assert fit.eta > 0
    means = fit.variational_params_dict
    assert means["weight[1]"] + means["weight[2]"] == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    "options, rows, resampled",
    [
        ({"num_paths": 4, "draws": 200, "num_single_draws": 150}, 200, True),
        (
            {"num_paths": 2, "num_single_draws": 40, "psis_resample": False},
            80,
            False,
        ),
        ({"num_paths": 2, "num_single_draws": 40, "calculate_lp": False}, 80, False),
        ({"num_paths": 1, "num_single_draws": 60, "max_lbfgs_iters": 500, "num_elbo_draws": 20}, 60, False),
    ],
)
def test_pathfinder(model, options, rows, resampled):
    fit = model.pathfinder(data=DATA, seed=1, num_threads=2, **options)
    assert fit.draws().shape == (rows, 10)
    assert fit.is_resampled == resampled
    assert set(fit.method_variables()) == {"lp_approx__", "lp__"}
    np.testing.assert_allclose(fit.stan_variable("weight").sum(1), 1, rtol=1e-5)


def test_pathfinder_starts_chains(model):
    start = model.pathfinder(data=DATA, seed=1)
    fit = model.sample(
        data=DATA,
        seed=1,
        chains=2,
        iter_warmup=50,
        iter_sampling=10,
        inits=start.create_inits(chains=2),
        **QUIET,
    )
    assert fit.draws().shape == (10, 2, 15)


def test_generated_quantities_follow_the_draws_they_are_given(model, fit):
    quantities = model.generate_quantities(data=DATA, previous_fit=fit, seed=3)
    assert quantities.column_names == ("z", "y_rep")
    assert quantities.draws().shape == (200, 2, 2)
    z = quantities.stan_variable("z")
    weights = fit.stan_variable("weight")[:, 0]
    assert np.mean(z == 1) == pytest.approx(weights.mean(), abs=4 * np.sqrt(0.25 / len(z)))


def test_log_density_at_constrained_parameters(model, fit):
    draw = fit.draws_pd().iloc[0]
    point = {
        "weight": [draw["weight[1]"], draw["weight[2]"]],
        "mu": [draw["mu[1]"], draw["mu[2]"]],
        "sigma": draw["sigma"],
    }
    table = model.log_prob(point, data=DATA, sig_figs=17)
    assert table["lp__"][0] == pytest.approx(draw["lp__"], rel=1e-10)
    assert list(table.columns) == ["lp__", "g_weight.1", "g_mu.1", "g_mu.2", "g_sigma"]


def test_failures_reach_the_user(model, tmp_path):
    bad = tmp_path / "bad.json"
    bad.write_text('{"N": 3, "y": [1.0, 2.0]}')
    with pytest.raises(RuntimeError, match="mismatch in dimension declared and found"):
        model.sample(data=str(bad), chains=1, **QUIET)
