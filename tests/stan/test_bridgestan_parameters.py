"""Names, transforms and starting points of parameters, as BridgeStan's Python package gives them."""

import numpy as np
import pytest
from scipy.stats import norm

pytestmark = pytest.mark.slow


def test_names_of_all_kinds(kinds):
    def indices(*sizes):  # the first index varies fastest, in arrays and matrices alike
        return [".".join(str(i + 1) for i in reversed(index)) for index in np.ndindex(*reversed(sizes))]

    def named(name, *sizes):
        return [f"{name}.{index}" for index in indices(*sizes)]

    before, after = ["a", *named("b", 2, 3), *named("M", 2, 3), *named("v", 2, 2)], ["c", "z.real", "z.imag"]
    after += ["t:1", *named("t:2", 2, 2)]
    names = [*before, *named("s", 3), *named("o", 3), *named("S", 2, 2), *named("L", 3, 3), *named("w", 2)]
    names += after
    assert kinds.param_names() == names
    assert kinds.param_num() == len(names)
    unconstrained = [*before, *named("s", 2), *named("o", 3), *named("S", 3), *named("L", 3), *named("w", 2)]
    assert kinds.param_unc_names() == [*unconstrained, *after]
    assert kinds.param_unc_num() == len(unconstrained) + len(after)
    transformed, generated = ["twice"], ["n", "g:1", "g:2"]
    assert kinds.param_names(include_tp=True) == names + transformed
    assert kinds.param_names(include_gq=True) == names + generated
    assert kinds.param_names(include_tp=True, include_gq=True) == names + transformed + generated
    assert kinds.param_num(include_tp=True, include_gq=True) == len(names) + 4


def test_transforms_undo_each_other(kinds):
    for point in np.random.default_rng(2).normal(size=(5, kinds.param_unc_num())):
        constrained = kinds.param_constrain(point)
        again = kinds.param_constrain(kinds.param_unconstrain(constrained))
        np.testing.assert_allclose(again, constrained, rtol=1e-9, atol=1e-12)


def test_unconstrain_from_json(mixture, kinds):
    values = {"weight": [0.3, 0.7], "mu": [-1.0, 2.0], "sigma": 0.5}
    by_name = mixture.param_unconstrain_json(values)
    np.testing.assert_allclose(by_name, mixture.param_unconstrain(np.array([0.3, 0.7, -1, 2, 0.5])))
    np.testing.assert_allclose(by_name[1:], [-1, np.log(3), np.log(0.5)])

    point = 0.3 * np.random.default_rng(3).normal(size=kinds.param_unc_num())
    flat = dict(zip(kinds.param_names(), kinds.param_constrain(point), strict=True))

    def array(name, *shape):
        return np.array(
            [flat[f"{name}.{'.'.join(str(i + 1) for i in index)}"] for index in np.ndindex(*shape)]
        ).reshape(shape)

    nested = {
        "a": flat["a"], "b": array("b", 2, 3), "M": array("M", 2, 3), "v": array("v", 2, 2),
        "s": array("s", 3), "o": array("o", 3), "S": array("S", 2, 2), "L": array("L", 3, 3),
        "w": array("w", 2), "c": flat["c"], "z": [flat["z.real"], flat["z.imag"]],
        "t": {"1": flat["t:1"], "2": array("t:2", 2, 2).tolist()},
    }  # fmt: skip
    np.testing.assert_allclose(
        kinds.param_unconstrain_json(nested), kinds.param_unconstrain(np.array(list(flat.values())))
    )


@pytest.mark.parametrize(
    "text, message",
    [
        ('{"weight": [0.3, 0.7], "mu": [1, 2]}', "sigma"),
        ('{"weight": [0.3, 0.6], "mu": [1, 2], "sigma": 1}', "simplex"),
        ('{"weight": [0.3, 0.7], "mu": [2, 1], "sigma": 1}', "order"),
        ('{"weight": [0.3, 0.7], "mu": [1, 2, 3], "sigma": 1}', "mu"),
        ('{"weight": ', "JSON"),
    ],
)
def test_faulty_parameters(mixture, text, message):
    out = np.full(4, 7.0)
    with pytest.raises(RuntimeError, match=message):
        mixture.param_unconstrain_json(text, out=out)
    np.testing.assert_array_equal(out, 7.0)
    with pytest.raises(RuntimeError, match="simplex"):
        mixture.param_unconstrain(np.array([0.3, 0.6, 1, 2, 1]))


def test_no_parameters(load):
    model = load("no_parameters")
    nothing = np.empty(0)
    assert (model.param_num(), model.param_unc_num(), model.param_names()) == (0, 0, [""])
    assert model.log_density(nothing, propto=False) == pytest.approx(norm.logpdf(1))
    assert model.log_density_gradient(nothing)[1].shape == (0,)
    assert model.log_density_hessian(nothing)[2].shape == (0, 0)
    assert model.log_density_hessian_vector_product(nothing, nothing)[1].shape == (0,)
    assert model.param_constrain(nothing).shape == (0,)
    assert model.param_unconstrain(nothing).shape == (0,)
    assert model.param_initialize(model.new_rng(1)).shape == (0,)
    assert 0 < model.param_constrain(nothing, include_gq=True, rng=model.new_rng(1))[0] < 1


def test_initialize(mixture, throwing):
    start = mixture.param_initialize(mixture.new_rng(1))
    assert np.all(np.abs(start) < 2)
    assert np.isfinite(mixture.log_density(start))
    np.testing.assert_array_equal(start, mixture.param_initialize(mixture.new_rng(1)))
    assert np.all(np.abs(mixture.param_initialize(mixture.new_rng(1), init_radius=0.1)) < 0.1)
    np.testing.assert_array_equal(mixture.param_initialize(mixture.new_rng(1), init_radius=0), np.zeros(4))

    partly = mixture.param_initialize(mixture.new_rng(1), {"sigma": 3.0})
    assert partly[3] == pytest.approx(np.log(3))
    assert np.all(np.abs(partly[:3]) < 2)
    all_given = {"weight": [0.3, 0.7], "mu": [-1.0, 2.0], "sigma": 0.5}
    np.testing.assert_array_equal(
        mixture.param_initialize(mixture.new_rng(1), all_given), mixture.param_unconstrain_json(all_given)
    )

    # With this radius most starts are beyond 10 and rejected.
    rng = throwing.new_rng(1)
    starts = [throwing.param_initialize(rng, init_radius=20)[0] for _ in range(20)]
    assert max(starts) < np.log(10)
    with pytest.raises(RuntimeError, match=r"(?s)no starting point in 1 tries.*model part"):
        throwing.param_initialize(rng, {"x": 11.0})
    with pytest.raises(RuntimeError, match="max_tries must be at least 1, got 0"):
        mixture.param_initialize(rng, max_tries=0)
    for radius in (-1.0, np.nan, np.inf):
        with pytest.raises(RuntimeError, match="init_radius must be finite and not negative"):
            mixture.param_initialize(rng, init_radius=radius)
