"""Training: fresh simulations at every step, whole blocks of steps in one jitted scan, resumable."""

import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from pipeline.amortized.budget import Budget
from pipeline.amortized.checkpoints import identity_of, read_checkpoint, read_header, write_checkpoint
from pipeline.amortized.compiling import compiler_options
from pipeline.amortized.host import Ahead, Host, HostSimulator, from_layout
from pipeline.amortized.network import Architecture, Losses, Network, build_network, initial_network
from pipeline.amortized.observations import Observations
from pipeline.amortized.optimiser import muon
from pipeline.amortized.simulators import Simulation, Simulator
from pipeline.errors import UnusableCheckpoint, UserError
from pipeline.scenarios.base import Scenario

CHECKPOINT_EVERY_S = 45.0
SHORT = 1000  # steps; fewer take less time than good code for them takes to compile


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Attributes:
        batch: data sets a step.
        n_members: how many of them train the membership networks.
        n_drawn: for how many of them draws are priced that lie where the posterior has no mass.
        learning_rate: at its peak.
        warm_up: share of the budget during which it rises from zero; then it falls like a cosine.
        decay: of the averaged weights, a step.
        max_norm: of the gradient.
        step_rms: of a step of a matrix's elements, in units of the learning rate.
        block: steps in one call of the jitted scan.
    """

    batch: int = 256
    n_members: int = 64
    n_drawn: int = 128
    learning_rate: float = 2e-3
    warm_up: float = 0.02
    decay: float = 0.999
    max_norm: float = 1.0
    step_rms: float = 0.4
    block: int = 100


class State(NamedTuple):
    """All that a step changes. The averaged network is the one to use."""

    network: Network
    averaged: Network
    moments: optax.OptState
    step: Int[Array, ""]


@dataclass
class Trained:
    """A finished or interrupted training.

    Attributes:
        network: with averaged weights.
        record: steps, seconds, budget and the loss curve.
    """

    network: Network
    record: dict[str, Any]


def train(
    source: Simulator | Host,
    architecture: Architecture,
    budget: Budget,
    checkpoint: Path,
    *,
    seed: int,
    recipe: Recipe = Recipe(),
    say: Callable[[str], None] = lambda text: print(text, file=sys.stderr, flush=True),
    stop_after_steps: int | None = None,
) -> Trained:
    """Train a network, or go on with the checkpoint where there is one.

    Args:
        source: of simulations; those of a host are drawn while the block before them is being learned from.
        architecture, recipe: of the network and of its training.
        budget: of the whole training, earlier parts included.
        checkpoint: written at least once a minute and at the end.
        seed: of weights and simulations.
        say: takes progress messages.
        stop_after_steps: stop early, as a kill would after a checkpoint; for tests.

    Raises:
        UserError: the checkpoint belongs to something else, or to another seed, recipe or budget.
    """
    started = time.perf_counter()
    cpu_started = time.process_time()
    host = source if isinstance(source, Host) else None
    simulator = source.simulator if isinstance(source, Host) else source
    identity = identity_of(simulator.scenario, asdict(architecture))
    plan = {"seed": seed, "recipe": asdict(recipe), "budget": asdict(budget)}
    optimiser = muon(recipe.max_norm, recipe.step_rms)
    state = _start(initial_network(simulator, architecture, seed, host.examples if host else None), optimiser)
    record: dict[str, Any] = {"plan": plan, "wall_s": 0.0, "cpu_s": 0.0, "done": False, "curve": []}
    if host:
        record["layout"] = host.simulator.layout()
    if checkpoint.exists():
        record, state = read_checkpoint(checkpoint, identity, state)
        _check_plan(checkpoint, record["plan"], plan)
    earlier_s, earlier_cpu_s = record["wall_s"], record["cpu_s"]
    run_block = _block(optimiser, recipe, is_short=budget.steps is not None and budget.steps < SHORT)
    key = jr.key(seed + 1)
    saved = time.perf_counter()
    given = Ahead(host, int(state.step), recipe.block, recipe.batch) if host else None

    while not record["done"]:
        progress = budget.progress(record, int(state.step))
        if progress >= 1 or (stop_after_steps is not None and int(state.step) >= stop_after_steps):
            break
        fractions, n_steps = budget.plan_block(recipe.block, record, int(state.step))
        simulations = given.next(n_steps) if given else None
        state, losses = run_block(state, key, jnp.asarray(fractions), n_steps, simulations)
        _check_losses(simulator, int(state.step), np.asarray(losses[0])[:n_steps])
        means = [float(np.nanmean(np.asarray(part)[:n_steps])) for part in losses]
        record["wall_s"] = earlier_s + time.perf_counter() - started
        record["cpu_s"] = earlier_cpu_s + time.process_time() - cpu_started
        record["curve"].append([int(state.step), round(record["wall_s"], 3), *means])
        if time.perf_counter() - saved > CHECKPOINT_EVERY_S:
            write_checkpoint(checkpoint, identity, record, state)
            saved = time.perf_counter()
            say(_message(simulator, budget, record, int(state.step)))
    record["done"] = record["done"] or budget.progress(record, int(state.step)) >= 1
    write_checkpoint(checkpoint, identity, record, state)
    say(_message(simulator, budget, record, int(state.step)))
    return Trained(state.averaged, record)


def load_hosted(scenario: Scenario, architecture: Architecture, checkpoint: Path) -> Trained:
    """Return the network of a checkpoint whose simulations came from the host.

    Raises:
        UserError: there is none, or it belongs to something else.
        UnusableCheckpoint: it is no such network's.
    """
    layout = read_header(checkpoint)["record"].get("layout")
    if layout is None:
        raise UnusableCheckpoint(f"{checkpoint}: this network was trained in JAX. Delete it and train again.")
    return load(from_layout(scenario, layout), architecture, checkpoint)


def load(simulator: Simulator | HostSimulator, architecture: Architecture, checkpoint: Path) -> Trained:
    """Return the network of a checkpoint.

    Raises:
        UserError: there is none, or it belongs to something else.
    """
    identity = identity_of(simulator.scenario, asdict(architecture))
    optimiser = muon(Recipe.max_norm, Recipe.step_rms)
    examples = _blank(simulator) if isinstance(simulator, HostSimulator) else None
    like = eqx.filter_eval_shape(
        lambda: _start(build_network(simulator, architecture, jr.key(0), examples), optimiser)
    )
    record, state = read_checkpoint(checkpoint, identity, like)
    return Trained(state.averaged, record)


def _blank(simulator: HostSimulator) -> Simulation:
    """Return simulations of the right shape."""
    y = jnp.zeros((2, simulator.n_obs[1], simulator.n_columns))
    size = jnp.full(2, simulator.n_obs[1])
    return Simulation(jnp.zeros((2, simulator.dim)), None, Observations(y, size, jnp.ones_like(size)))


def _start(network: Network, optimiser: optax.GradientTransformation) -> State:
    moments = optimiser.init(eqx.filter(network, eqx.is_inexact_array))
    return State(network, network, moments, jnp.zeros((), jnp.int32))


def _block(optimiser: optax.GradientTransformation, recipe: Recipe, *, is_short: bool) -> Callable:
    """Return the jitted scan over steps.

    A block has always the same length, so that it compiles once; steps beyond `n_steps` change nothing.
    """

    def loss(network: Network, key: PRNGKeyArray, given: Simulation | None) -> tuple[Float[Array, ""], Any]:
        simulator = network.simulator
        prior_key, data_key, draws_key = jr.split(key, 3)
        if given is None:
            assert isinstance(simulator, Simulator)
            theta = simulator.prior(recipe.batch, key=prior_key)
            given = simulator.simulate(theta, key=data_key)
        losses = network.losses(given, recipe.n_members, recipe.n_drawn, key=draws_key)
        return sum(losses, jnp.zeros(())), losses

    def run(
        key: PRNGKeyArray,
        state: State,
        fractions: Float[Array, " step"],
        n_steps: Array,
        simulations: Simulation | None,
    ) -> Any:
        variable, fixed = eqx.partition(state, eqx.is_array)

        def step(variable: Any, inputs: tuple[Array, Array, Simulation | None]) -> tuple[Any, Any]:
            index, fraction, given = inputs

            def advance(variable: Any) -> tuple[Any, Any]:
                state: State = eqx.combine(variable, fixed)
                (_, losses), gradient = eqx.filter_value_and_grad(loss, has_aux=True)(
                    state.network, jr.fold_in(key, state.step), given
                )
                new = _update(optimiser, recipe, state, gradient, fraction)
                return eqx.filter(new, eqx.is_array), tuple(losses)

            def rest(variable: Any) -> tuple[Any, Any]:
                return variable, (jnp.nan,) * len(Losses._fields)

            return jax.lax.cond(index < n_steps, advance, rest, variable)

        variable, losses = jax.lax.scan(step, variable, (jnp.arange(recipe.block), fractions, simulations))
        return eqx.combine(variable, fixed), losses

    options = compiler_options("little" if is_short else "much")
    compiled = eqx.filter_jit(run, compiler_options=options)  # pyright: ignore[reportCallIssue]
    return lambda state, key, fractions, n_steps, simulations: compiled(
        key, state, fractions, jnp.asarray(n_steps), simulations
    )


def _update(
    optimiser: optax.GradientTransformation,
    recipe: Recipe,
    state: State,
    gradient: Network,
    fraction: Float[Array, ""],
) -> State:
    rise = fraction / recipe.warm_up
    fall = 0.5 + 0.5 * jnp.cos(jnp.pi * (fraction - recipe.warm_up) / (1 - recipe.warm_up))
    rate = recipe.learning_rate * jnp.minimum(rise, jnp.maximum(fall, 1e-3))
    # A batch whose gradient is not finite teaches nothing.
    is_finite = jnp.isfinite(optax.global_norm(gradient))
    gradient = jax.tree.map(lambda g: jnp.where(is_finite, g, 0), gradient)
    updates, moments = optimiser.update(
        cast(optax.Updates, gradient), state.moments, eqx.filter(state.network, eqx.is_inexact_array)
    )
    network = eqx.apply_updates(state.network, jax.tree.map(lambda u: rate * u, updates))
    # Early on the average follows quickly, so that it does not remember the start.
    decay = jnp.minimum(recipe.decay, (state.step + 1) / (state.step + 10))
    averaged = jax.tree.map(
        lambda old, new: decay * old + (1 - decay) * new if eqx.is_inexact_array(new) else new,
        state.averaged,
        network,
    )
    return State(network, averaged, moments, state.step + 1)


def _check_losses(simulator: Simulator | HostSimulator, step: int, losses: np.ndarray) -> None:
    """Refuse to go on where nothing is learned: steps whose loss is not a number change nothing."""
    if np.isnan(losses).all():
        raise UserError(
            f"scenario {simulator.scenario.name}: the loss of {len(losses)} steps up to step {step} is not a "
            "number; simulated parameters or observations are too extreme for the network."
        )


def _check_plan(path: Path, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    for what, value in wanted.items():
        if found[what] != value:
            raise UnusableCheckpoint(
                f"{path}: this training has {what} {found[what]}, wanted {value}. "
                "Delete it, or name another file, and train again."
            )


def _message(simulator: Simulator | HostSimulator, budget: Budget, record: dict[str, Any], step: int) -> str:
    progress = min(budget.progress(record, step), 1.0)
    left_s = record["wall_s"] * (1 - progress) / max(progress, 1e-9)
    means = np.nanmean([row[2:] for row in record["curve"][-20:]], axis=0)
    return (
        f"{simulator.scenario.name}: step {step}, {100 * progress:.0f}% of the training, "
        f"about {left_s:.0f} s left; loss {means[0]:.3f}, memberships {means[2]:.4f}"
    )
