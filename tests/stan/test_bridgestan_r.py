"""The functions that BridgeStan's R package calls: what `.C` hands over, against the Python package."""

import ctypes
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
MIXTURE_DATA = (HERE / "golden" / "mixture.data.json").read_bytes()
POINT = np.array([0.1, -0.2, 0.3, 0.4])

pytestmark = pytest.mark.slow


class Answer:
    """Where a call leaves its return code and its message, as R lays them out."""

    def __init__(self):
        self.code = ctypes.c_int(-7)
        self.text = ctypes.c_char_p(b"")
        self.pointer = ctypes.c_void_p()


class Library:
    """Calls functions as R's `.C` does: each argument by address."""

    def __init__(self, path):
        self.functions = ctypes.CDLL(str(path))

    def call(self, name, *arguments):
        address = [
            ctypes.c_void_p(argument.ctypes.data)
            if isinstance(argument, np.ndarray)
            else ctypes.byref(argument)
            for argument in map(as_r_has_it, arguments)
        ]
        function = getattr(self.functions, f"bs_{name}_R")
        function.restype = None
        function(*address)

    def returned(self, kind, name, *arguments):
        value = kind()
        self.call(name, *arguments, value)
        return value.value

    def construct(self, data):
        model, answer = ctypes.c_void_p(), Answer()
        self.call("model_construct", data, 1, model, answer.text, answer.pointer)
        return model, answer

    def succeed(self, name, *arguments):
        answer = Answer()
        self.call(name, *arguments, answer.code, answer.text, answer.pointer)
        assert (answer.code.value, answer.text.value, answer.pointer.value) == (0, b"", None)

    def fail(self, name, *arguments):
        answer = Answer()
        self.call(name, *arguments, answer.code, answer.text, answer.pointer)
        assert answer.code.value == -1
        return self.message(answer)

    def message(self, answer):
        text = answer.text.value
        assert text is not None
        assert ctypes.string_at(answer.pointer.value) == text
        self.call("free_error_msg", answer.pointer)
        return text.decode()


def as_r_has_it(argument):
    if isinstance(argument, bool | int):
        return ctypes.c_int(argument)
    if isinstance(argument, float):
        return ctypes.c_double(argument)
    return ctypes.c_char_p(argument) if isinstance(argument, bytes) else argument


@pytest.fixture
def library(mixture):
    return Library(mixture.lib_path)


@pytest.fixture
def model(library):
    model, answer = library.construct(MIXTURE_DATA)
    assert (answer.text.value, answer.pointer.value) == (b"", None)
    yield model
    library.call("model_destruct", model)


def test_descriptions(library, model, mixture):
    version = [ctypes.c_int() for _ in range(3)]
    library.call("version", *version)
    assert tuple(part.value for part in version) == mixture.model_version()
    assert library.returned(ctypes.c_char_p, "name", model).decode() == mixture.name()
    assert library.returned(ctypes.c_char_p, "model_info", model).decode() == mixture.model_info()
    names = library.returned(ctypes.c_char_p, "param_unc_names", model)
    assert names.decode().split(",") == mixture.param_unc_names()
    assert library.returned(ctypes.c_int, "param_unc_num", model) == mixture.param_unc_num()
    for tp in (False, True):
        for gq in (False, True):
            expected = mixture.param_names(include_tp=tp, include_gq=gq)
            names = library.returned(ctypes.c_char_p, "param_names", model, tp, gq)
            assert names.decode().split(",") == expected
            assert library.returned(ctypes.c_int, "param_num", model, tp, gq) == len(expected)


@pytest.mark.parametrize("propto", [True, False])
@pytest.mark.parametrize("jacobian", [True, False])
def test_densities(library, model, mixture, propto, jacobian):
    log_density, gradient, hessian = mixture.log_density_hessian(POINT, propto=propto, jacobian=jacobian)
    arguments = (model, propto, jacobian, POINT)
    lp, first, second = np.empty(1), np.empty(4), np.empty((4, 4))
    library.succeed("log_density", *arguments, lp)
    assert lp[0] == pytest.approx(log_density, rel=1e-14)
    library.succeed("log_density_gradient", *arguments, lp, first)
    assert lp[0] == log_density
    np.testing.assert_array_equal(first, gradient)
    first.fill(0)
    library.succeed("log_density_hessian", *arguments, lp, first, second)
    np.testing.assert_array_equal(first, gradient)
    np.testing.assert_array_equal(second, hessian)
    v = np.array([1.0, 2.0, -1.0, 0.5])
    library.succeed("log_density_hessian_vector_product", *arguments, v, lp, first)
    np.testing.assert_allclose(first, hessian @ v, rtol=1e-4)


def test_transforms(library, model, mixture):
    rng, answer = ctypes.c_void_p(), Answer()
    library.call("rng_construct", 5, rng, answer.text, answer.pointer)
    assert answer.pointer.value is None
    constrained = np.empty(mixture.param_num())
    library.succeed("param_constrain", model, False, False, POINT, constrained, -1)  # not even a pointer
    np.testing.assert_array_equal(constrained, mixture.param_constrain(POINT))
    everything = np.empty(mixture.param_num(include_tp=True, include_gq=True))
    library.succeed("param_constrain", model, True, True, POINT, everything, rng)
    expected = mixture.param_constrain(POINT, include_tp=True, include_gq=True, rng=mixture.new_rng(5))
    np.testing.assert_array_equal(everything, expected)

    unconstrained = np.empty(4)
    library.succeed("param_unconstrain", model, constrained, unconstrained)
    np.testing.assert_allclose(unconstrained, POINT)
    text = json.dumps({"weight": [0.3, 0.7], "mu": [-1.0, 2.0], "sigma": 0.5}).encode()
    library.succeed("param_unconstrain_json", model, text, unconstrained)
    np.testing.assert_array_equal(unconstrained, mixture.param_unconstrain_json(text.decode()))
    library.call("rng_destruct", rng)

    library.call("rng_construct", 6, rng, answer.text, answer.pointer)
    library.succeed("param_initialize", model, b'{"sigma": 3}', rng, 0.5, 100, True, unconstrained)
    expected = mixture.param_initialize(mixture.new_rng(6), {"sigma": 3}, init_radius=0.5)
    np.testing.assert_array_equal(unconstrained, expected)
    library.call("rng_destruct", rng)


def test_failures(library, model, throwing):
    broken, answer = library.construct(b'{"N": -1, "y": []}')
    assert not broken.value
    assert "N is -1" in library.message(answer)
    out = np.full(4, 7.0)
    assert "simplex" in library.fail("param_unconstrain", model, np.array([0.3, 0.6, 1, 2, 1]), out)
    assert "sigma" in library.fail("param_unconstrain_json", model, b'{"weight": [1, 0], "mu": [1, 2]}', out)
    np.testing.assert_array_equal(out, 7.0)

    library = Library(throwing.lib_path)
    model, _ = library.construct(b'{"throws_in_data": 0}')
    beyond_10, out = np.log([11.0]), [np.empty(4) for _ in range(3)]
    for name, outputs in [("log_density", 1), ("log_density_gradient", 2), ("log_density_hessian", 3)]:
        assert "model part" in library.fail(name, model, True, True, beyond_10, *out[:outputs])
    name = "log_density_hessian_vector_product"
    assert "model part" in library.fail(name, model, True, True, beyond_10, beyond_10, *out[:2])
    nothing = ctypes.c_void_p()
    assert "random number generator" in library.fail(
        "param_constrain", model, False, True, beyond_10, out[0], nothing
    )
    assert "random number generator" in library.fail(
        "param_initialize", model, b"", nothing, 2.0, 1, True, out[0]
    )
    library.call("model_destruct", model)


NAMES = """
import ctypes, os, sys
for path, data in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
    functions = ctypes.CDLL(path, mode=os.RTLD_GLOBAL)
    model, name, text, pointer = ctypes.c_void_p(), ctypes.c_char_p(), ctypes.c_char_p(), ctypes.c_void_p()
    data, seed = ctypes.c_char_p(data.encode()), ctypes.c_int(1)
    functions.bs_model_construct_R(*map(ctypes.byref, (data, seed, model, text, pointer)))
    functions.bs_name_R(ctypes.byref(model), ctypes.byref(name))
    print(name.value.decode())
"""


def test_each_library_calls_its_own_functions(mixture, throwing):
    """Else the second one would answer for the first program, without a word."""
    argv = [mixture.lib_path, MIXTURE_DATA.decode(), throwing.lib_path, '{"throws_in_data": 0}']
    answer = subprocess.run([sys.executable, "-c", NAMES, *argv], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == [mixture.name(), throwing.name()]
