"""How good networks are that learn from simulations alone: train one on any scenario, and check it.

    python benchmarks/learned_posteriors.py SCENARIO [--settings JSON] [--steps 4000] [--datasets 200]

SCENARIO is a type, with its settings as JSON, such as `gmm-exchangeable` and `{"n_components": 2}`, or
`program` with the paths of a user's own files. On simulated data sets that the training did not see, it
prints KL(posterior || q) and the efficiency from the importance weights, the share of data sets that
`amortized-flow-psis` would accept, and simulation-based calibration of each unconstrained parameter and of
the log joint; where labels are exchangeable, with components in the order of their means.
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np

from pipeline.amortized.hosted import Hosted
from pipeline.amortized.posteriors import load_posterior
from pipeline.calibration.importance import importance
from pipeline.calibration.ranks import examine, rank
from pipeline.methods.amortized import AmortizedFlow, AmortizedMdn
from pipeline.methods.amortized_psis import AmortizedFlowPsis, accepted_pareto_k
from pipeline.methods.base import Task
from pipeline.scenarios import get_scenario
from pipeline.stan.build import build
from pipeline.stan.model import BoundModel

HEADS = {"flow": AmortizedFlow, "mdn": AmortizedMdn}


def main() -> None:
    import arviz as az

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("scenario")
    parser.add_argument("--settings", type=json.loads, default={})
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--head", choices=HEADS, default="flow")
    parser.add_argument("--datasets", type=int, default=200)
    parser.add_argument("--checkpoint", type=Path, help="kept there, and used where it is there already")
    arguments = parser.parse_args()
    scenario = get_scenario(arguments.scenario, arguments.settings)
    built = build(scenario.stan_file)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = arguments.checkpoint or Path(folder) / "network.checkpoint"
        method = HEADS[arguments.head](train_steps=arguments.steps)
        (cost,) = method.train(scenario, 1, checkpoint, built)
        hosted = load_posterior(scenario, arguments.head, checkpoint)
        assert isinstance(hosted, Hosted), "scenarios in JAX have benchmarks/amortized_kl.py"
        n_draws = AmortizedFlowPsis().proposals
        names, truth, drawn, log_p, log_q, pareto_k = [], [], [], [], [], []
        for i, data in enumerate(scenario.prior_predictive(np.random.default_rng(2), arguments.datasets)):
            model = BoundModel(built, scenario.stan_data(data), scenario.parameter_shapes, Path(folder))
            task = Task(scenario, data, model, 1 + i, 1)
            proposals = hosted.propose(task, n_draws)
            true = hosted.true_parameters(task)
            drawn.append(np.column_stack([proposals.x, proposals.log_p]))
            truth.append(np.append(true, model.log_density(true)))
            log_p.append(proposals.log_p)
            log_q.append(proposals.log_q)
            pareto_k.append(float(az.psislw(proposals.log_p - proposals.log_q)[1]))
            names = [*model.bridge.param_unc_names(), "log joint"]
    found = importance(np.array(log_p), np.array(log_q))
    print(
        f"{arguments.scenario} {arguments.settings}: {arguments.steps} steps, {cost.cpu_s:.0f} s of CPU time"
    )
    error = found.kl.std(ddof=1) / len(found.kl) ** 0.5
    print(f"KL {found.kl.mean():.3f} +- {error:.3f} nats, median {np.median(found.kl):.3f}")
    middle, low = np.quantile(found.efficiency, [0.5, 0.05])
    print(f"efficiency: median {middle:.2f}, 5% quantile {low:.3f}")
    accepted = np.mean(np.array(pareto_k) < accepted_pareto_k(n_draws))
    print(f"accepted by amortized-flow-psis: {100 * accepted:.0f}% of {arguments.datasets} data sets")
    rng = np.random.default_rng(3)
    # Neighbouring draws are independent; fewer make ranks that are easier to read.
    few = np.array(drawn)[:, :999]
    for j, name in enumerate(names):
        said = examine(rank(np.array(truth)[:, j], few[:, :, j], rng), few.shape[1])
        verdict = "calibrated" if said.inside else "outside the 95% band"
        print(f"  {name}: {verdict}, p {said.p_value:.3f}, spread {said.spread:+.2f} +- {said.spread_se:.2f}")


if __name__ == "__main__":
    main()
