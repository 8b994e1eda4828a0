"""The embedded library answers what BridgeStan 2.7.0 over CmdStan 2.35.0 answered."""

import itertools
import json
from pathlib import Path

import bridgestan
import numpy as np
import pytest

GOLDEN = Path(__file__).parent / "golden"
EXPECTED = json.loads((GOLDEN / "bridgestan-2.7.0.json").read_text())

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(built_model):
    return bridgestan.StanModel(
        str(built_model(GOLDEN / "mixture.stan").library), str(GOLDEN / EXPECTED["data"]), warn=False
    )


def test_names(model):
    assert model.name() == EXPECTED["name"]
    assert model.param_unc_names() == EXPECTED["param_unc_names"]
    assert model.param_names() == EXPECTED["param_names"]
    assert model.param_names(include_tp=True) == EXPECTED["param_names_tp"]
    assert model.param_names(include_tp=True, include_gq=True) == EXPECTED["param_names_tp_gq"]


# With the compiler that made the goldens all numbers are equal to the last digit; the tolerances are
# for other compilers and mathematical libraries.
@pytest.mark.parametrize("point", EXPECTED["points"], ids=lambda p: f"{p['unconstrained'][0]:.3f}")
def test_transforms(model, point):
    unconstrained = np.array(point["unconstrained"])
    constrained = model.param_constrain(unconstrained)
    np.testing.assert_allclose(constrained, point["constrained"], rtol=1e-13)
    np.testing.assert_allclose(
        model.param_constrain(unconstrained, include_tp=True), point["constrained_tp"], rtol=1e-13
    )
    np.testing.assert_allclose(model.param_unconstrain(constrained), unconstrained, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("point", EXPECTED["points"], ids=lambda p: f"{p['unconstrained'][0]:.3f}")
@pytest.mark.parametrize("propto, jacobian", list(itertools.product([True, False], repeat=2)))
def test_densities(model, point, propto, jacobian):
    unconstrained = np.array(point["unconstrained"])
    expected = point[f"propto={propto},jacobian={jacobian}"]
    options = {"propto": propto, "jacobian": jacobian}
    log_density, gradient, hessian = model.log_density_hessian(unconstrained, **options)
    np.testing.assert_allclose(log_density, expected["log_density"], rtol=1e-13)
    np.testing.assert_allclose(gradient, expected["gradient"], rtol=1e-11, atol=1e-12)
    # Finite differences: rounding errors of the gradient are divided by the step.
    np.testing.assert_allclose(hessian, expected["hessian"], rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(model.log_density(unconstrained, **options), log_density, rtol=1e-14)
    again, gradient_again = model.log_density_gradient(unconstrained, **options)
    assert again == log_density
    np.testing.assert_array_equal(gradient_again, gradient)


def test_random_numbers_of_generated_quantities(model):
    zeros = np.zeros(model.param_unc_num())
    drawn = model.param_constrain(zeros, include_tp=True, include_gq=True, rng=model.new_rng(42))
    np.testing.assert_allclose(drawn, EXPECTED["zeros_with_gq_seed_42"], rtol=1e-13)
