"""How far BayesFlow's posteriors are from the exact ones after a training of a given length.

    python benchmarks/bayesflow_kl.py SCENARIO [--train-s 600] [--datasets 200] [--draws 2000]

The peer of the method `bayesflow`, scored like our networks by benchmarks/amortized_kl.py, on the same
simulated data sets: KL(p || q) and the efficiency from the weights p/q of its draws. Pinned to one core
(`taskset -c 0`), seconds of training are seconds of processor time. Needs the extra `bayesflow`.
"""

import argparse
import tempfile
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from pipeline.amortized import peer
from pipeline.amortized.simulators import get_simulator
from pipeline.calibration.importance import importance
from pipeline.methods.bayesflow import BayesFlow
from pipeline.scenarios import get_scenario

SEED = 90_000  # of the first data set, as in benchmarks/amortized_kl.py


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("scenario")
    parser.add_argument("--train-s", type=float, default=600.0)
    parser.add_argument("--datasets", type=int, default=200)
    parser.add_argument("--draws", type=int, default=2000)
    arguments = parser.parse_args()
    scenario = get_scenario(arguments.scenario)
    simulator = get_simulator(scenario)
    method = BayesFlow(train_s=arguments.train_s)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "peer.checkpoint"
        (cost,) = method.train(scenario, 1, checkpoint, None)
        steps = method.learning(checkpoint)["steps"]
        trained = peer.load(simulator, checkpoint)
    print(f"{arguments.scenario}: {steps} steps, {cost.wall_s:.0f} s, {cost.cpu_s:.0f} CPU s", flush=True)
    log_p, log_q = [], []
    for seed in range(SEED, SEED + arguments.datasets):
        observed = trained.encode(scenario.data_sets([seed]))
        theta = trained.sample(observed, arguments.draws, seed)
        log_p.append(
            np.asarray(simulator.log_joint_of_draws(jnp.asarray(theta[None], jnp.float32), observed))[0]
        )
        log_q.append(trained.log_density(observed, theta))
    found = importance(np.stack(log_p).astype(float), np.stack(log_q))
    error = found.kl.std() / np.sqrt(len(found.kl))
    low, middle = np.quantile(found.efficiency, [0.05, 0.5])
    print(f"KL {found.kl.mean():.3f} +- {error:.3f} nats, median {np.median(found.kl):.3f}")
    print(f"efficiency: median {middle:.3f}, 5% quantile {low:.4f}")


if __name__ == "__main__":
    main()
