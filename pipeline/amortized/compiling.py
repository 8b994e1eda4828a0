"""How much XLA is to optimise a function: what that saves in running against what it costs to compile.

Measured in docs/amortized-experiments.md, "What XLA is told". Options change rounding and nothing else.
"""

from functools import cache
from typing import Literal

import jax
from jax.errors import JaxRuntimeError

Options = dict[str, str | bool]

OPTIONS: dict[str, Options] = {
    # Runs for a second, whatever its code is like.
    "once": {"xla_backend_optimization_level": "0"},
    # Takes six tenths of the time to compile.
    "little": {"xla_cpu_use_fusion_emitters": False, "xla_backend_optimization_level": "1"},
    # In spite of its name it compiles no faster, and over batches its code takes half to 1.1 times as long.
    "much": {"xla_cpu_opt_preset": "CPU_OPT_PRESET_FAST_COMPILE"},
}


@cache
def compiler_options(use: Literal["once", "little", "much"]) -> Options:
    """Return options for ``jax.jit``, by how much a function will run; none that this XLA does not know."""
    options = OPTIONS[use]
    try:
        jax.jit(lambda x: x).lower(0.0).compile(options)
    except JaxRuntimeError:
        return {}
    return options
