"""The C functions that BridgeStan's Python package loads, against closed forms and each other."""

import ctypes
import json
import shutil
import subprocess
import sys
import threading
from importlib import metadata
from pathlib import Path

import bridgestan
import numpy as np
import pytest
from scipy.stats import norm

HERE = Path(__file__).parent
MIXTURE_DATA = HERE / "golden" / "mixture.data.json"

pytestmark = pytest.mark.slow


def test_data_from_path_text_and_mapping(load, mixture):
    point = np.array([0.1, -0.2, 0.3, 0.4])
    text = MIXTURE_DATA.read_text()
    for data in (text, json.loads(text)):
        assert load("mixture", data).log_density(point) == mixture.log_density(point)


@pytest.mark.parametrize(
    "data, message",
    [
        (None, "variable does not exist"),
        ('{"N": 2, "y": [1, 2', "Error in JSON parsing"),
        ('{"N": 2, "y": [1, 2, 3]}', "mismatch in dimension"),
        ('{"N": -1, "y": []}', "N is -1, but must be greater than or equal to 0"),
        ('{"N": 1.5, "y": [1]}', "int"),
    ],
)
def test_faulty_data(load, data, message):
    with pytest.raises(RuntimeError, match=message):
        load("mixture", data)


def test_unreadable_data_file(mixture):
    # The Python package looks for the file itself, so the function is called without it.
    message = ctypes.c_char_p()
    assert not mixture._construct(b"/nowhere/data.json", 1, ctypes.byref(message))
    assert message.value is not None
    assert b"cannot read data file '/nowhere/data.json'" in message.value
    mixture._free_error(message)
    assert not mixture._construct(b"/nowhere/data.json", 1, None)  # a message is optional


def test_versions_agree(mixture):
    installed = metadata.version("bridgestan")
    assert mixture.model_version() == tuple(int(part) for part in installed.split("."))
    information = mixture.model_info()
    assert f"BridgeStan version: {installed}" in information
    assert "Stan version: 2.35.0" in information
    assert "STAN_THREADS=true" in information
    assert "STAN_OPENCL=false" in information
    assert "stanc_version = stanc3 v2.35.0" in information


def test_closed_form_in_all_combinations(throwing):
    # x ~ normal(0, 2), x > 0; constants are those of the normal density, x = exp(u).
    for u in (-2.0, 0.3, 1.2):
        x = np.exp(u)
        for propto in (True, False):
            for jacobian in (True, False):
                log_density, gradient, hessian = throwing.log_density_hessian(
                    np.array([u]), propto=propto, jacobian=jacobian
                )
                expected = norm.logpdf(x, 0, 2) - propto * norm.logpdf(0, 0, 2) + u * jacobian
                np.testing.assert_allclose(log_density, expected, rtol=1e-12)
                np.testing.assert_allclose(gradient, [-(x**2) / 4 + jacobian], rtol=1e-12)
                np.testing.assert_allclose(hessian, [[-(x**2) / 2]], rtol=1e-6)
                for v in (np.array([1.5]), np.zeros(1)):
                    value, product = throwing.log_density_hessian_vector_product(
                        np.array([u]), v, propto=propto, jacobian=jacobian
                    )
                    assert value == throwing.log_density(np.array([u]), propto=propto, jacobian=jacobian)
                    np.testing.assert_allclose(product, hessian @ v, rtol=1e-5)


@pytest.mark.parametrize("name", ["mixture", "kinds"])
def test_derivatives_against_finite_differences(request, name):
    model = request.getfixturevalue(name)
    rng = np.random.default_rng(1)
    dim = model.param_unc_num()
    step = 1e-5 * np.eye(dim)
    for point in 0.5 * rng.normal(size=(3, dim)):
        _, gradient, hessian = model.log_density_hessian(point)
        differences = [(model.log_density(point + h) - model.log_density(point - h)) / 2e-5 for h in step]
        np.testing.assert_allclose(gradient, differences, rtol=1e-5, atol=1e-4)
        columns = [
            (model.log_density_gradient(point + h)[1] - model.log_density_gradient(point - h)[1]) / 2e-5
            for h in step
        ]
        np.testing.assert_allclose(hessian, columns, rtol=1e-4, atol=1e-4)
        np.testing.assert_array_equal(hessian, hessian.T)
        v = rng.normal(size=dim)
        _, product = model.log_density_hessian_vector_product(point, v)
        np.testing.assert_allclose(product, hessian @ v, rtol=1e-4, atol=1e-4)


def test_throwing_blocks(load, throwing):
    with pytest.raises(RuntimeError, match=r"data part \(in 'throwing.stan', line 6"):
        load("throwing", {"throws_in_data": 1})
    rng = throwing.new_rng(1)
    beyond_10, beyond_100 = np.log([[11.0], [101.0]])
    for evaluate in (
        throwing.log_density,
        throwing.log_density_gradient,
        throwing.log_density_hessian,
        lambda x: throwing.log_density_hessian_vector_product(x, x),
    ):
        with pytest.raises(RuntimeError, match="model part"):
            evaluate(beyond_10)
        # The automatic differentiation is in order again.
        np.testing.assert_allclose(throwing.log_density_gradient(np.zeros(1))[1], [0.75])
    throwing.param_constrain(beyond_100)
    with pytest.raises(RuntimeError, match="transformed part"):
        throwing.param_constrain(beyond_100, include_tp=True)
    with pytest.raises(RuntimeError, match="generated part"):
        throwing.param_constrain(beyond_10, include_gq=True, rng=rng)
    message = ctypes.c_char_p()
    out, point = np.zeros(2), np.zeros(1)
    status = throwing._param_constrain(throwing.model, False, True, point, out, None, ctypes.byref(message))
    assert status == -1
    assert b"random number generator" in (message.value or b"")
    throwing._free_error(message)


def test_random_numbers(load):
    models = [load("throwing", {"throws_in_data": 0}, seed=seed) for seed in (1, 1, 2)]
    drawn = [m.param_constrain(np.zeros(1), include_gq=True, rng=m.new_rng(5))[1] for m in models]
    assert drawn[0] == drawn[1] != drawn[2]
    model = load("no_parameters")
    first, second = model.new_rng(3), model.new_rng(3)

    def draw(rng):
        return model.param_constrain(np.empty(0), include_gq=True, rng=rng)[0]

    a = [draw(first) for _ in range(3)]
    assert a == [draw(second) for _ in range(3)]
    assert len({*a, draw(model.new_rng(4))}) == 4


def test_threads(mixture, throwing):
    """Several threads on one model and on models of their own give what one thread gives."""
    points = np.random.default_rng(4).normal(size=(200, 4))
    expected = [mixture.log_density_gradient(point) for point in points]
    own_library = mixture.lib_path
    failures = []

    def work(offset):
        try:
            own = bridgestan.StanModel(own_library, str(MIXTURE_DATA), warn=False)
            for i in np.roll(np.arange(len(points)), offset):
                for model in (mixture, own):
                    log_density, gradient = model.log_density_gradient(points[i])
                    assert log_density == expected[i][0]
                    np.testing.assert_array_equal(gradient, expected[i][1])
                with pytest.raises(RuntimeError, match="model part"):
                    throwing.log_density_gradient(np.array([3.0]))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(25 * i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_threads_first_call_in_each_of_many_libraries(mixture, tmp_path):
    """There glibc before 2.40 may lose registers, unless each function looks up its thread's tape first."""
    point = np.array([0.1, -0.2, 0.3, 0.4])
    expected, failures = mixture.log_density_gradient(point), []
    models = []
    for i in range(6):  # the C library keeps room for the thread-local storage of the first ones only
        copied = shutil.copy(mixture.lib_path, tmp_path / f"{i}_model.so")
        models.append(bridgestan.StanModel(str(copied), str(MIXTURE_DATA), warn=False))

    def work(model):
        log_density, gradient = model.log_density_gradient(point)
        if log_density != expected[0] or (gradient != expected[1]).any():
            failures.append((log_density, gradient))

    for _ in range(50):
        for model in models:
            thread = threading.Thread(target=work, args=(model,))
            thread.start()
            thread.join()
    assert failures == []


def test_printing(load, capfd):
    model = load("kinds", {"K": 3}, capture_stan_prints=False)
    point = np.ones(model.param_unc_num())
    received, lock = [], threading.Lock()

    callback_type = ctypes.CFUNCTYPE(None, ctypes.POINTER(ctypes.c_char), ctypes.c_int)

    @callback_type
    def callback(text, size):
        with lock:
            received.append(ctypes.string_at(text, size))

    model._set_print_callback(callback, None)
    model.log_density(point)
    assert b"".join(received) == b"a is 1\n"
    received.clear()
    threads = [
        threading.Thread(target=lambda: [model.log_density(point) for _ in range(50)]) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(b"".join(received)) == 400 * len("a is 1\n")
    assert received.count(b"\n") == 400

    model._set_print_callback(callback_type(), None)
    model.log_density(point)
    assert capfd.readouterr().out == "a is 1\n"


def test_solvers_and_threads_inside_the_model(load):
    model = load("solvers")
    rng = model.new_rng(1)
    for u in (-1.0, 0.5):
        k = np.exp(u)
        values = model.param_constrain(np.array([u]), include_tp=True, include_gq=True, rng=rng)
        np.testing.assert_allclose(values, [k, np.exp(-k), np.exp(-k), np.sqrt(k)], rtol=1e-4)
        log_density, gradient = model.log_density_gradient(np.array([u]), propto=False, jacobian=False)
        np.testing.assert_allclose(log_density, 1000 * norm.logpdf(np.exp(-k) - k), rtol=1e-4)
        np.testing.assert_allclose(gradient, 1000 * (np.exp(-k) - k) * (np.exp(-k) + 1) * k, rtol=1e-3)


EVALUATE_MANY = """
import contextlib, sys
import bridgestan, numpy, psutil
library, data = sys.argv[1:]
for _ in range(9):
    for _ in range(1000):
        model = bridgestan.StanModel(library, data, warn=False)
        model.log_density_hessian(numpy.zeros(4))
        model.new_rng(1)
        with contextlib.suppress(RuntimeError):
            model.param_unconstrain(numpy.zeros(5))
    print(psutil.Process().memory_info().rss)
"""


def test_memory_stays(mixture):
    argv = [sys.executable, "-c", EVALUATE_MANY, mixture.lib_path, str(MIXTURE_DATA)]
    answer = subprocess.run(argv, capture_output=True, text=True, check=True)
    rss = [int(line) for line in answer.stdout.split()]
    # The first rounds fill caches, and the allocator takes a step of a megabyte now and then. What is left
    # behind grows in every round: a message or generator each time by .2 MB, a model by 1.3 (measured).
    assert np.median(np.diff(rss[2:])) < 0.1e6
