"""How good networks are that learn from simulations alone: train one on any scenario, and check it.

    python benchmarks/learned_posteriors.py SCENARIO [--settings JSON] [--steps 4000] [--datasets 200]

SCENARIO is a type, with its settings as JSON, such as `gmm-exchangeable` and `{"n_components": 2}`, or
`program` with the paths of a user's own files. On simulated data sets that the training did not see, it
prints KL(posterior || q) and the efficiency from the importance weights, the share of data sets that
`amortized-flow-psis` would accept, and simulation-based calibration of each parameter and of the log joint;
where labels are exchangeable, with components in the order of their means.
"""

import argparse
import json
import tempfile
from pathlib import Path

from pipeline.amortized.hosted import Hosted
from pipeline.amortized.posteriors import load_posterior
from pipeline.calibration.learned import check_learned
from pipeline.calibration.settings import Checks
from pipeline.methods.amortized import AmortizedFlow, AmortizedMdn
from pipeline.methods.amortized_psis import AmortizedFlowPsis
from pipeline.pareto_k import accepted_pareto_k
from pipeline.scenarios import get_scenario
from pipeline.stan.build import build

HEADS = {"flow": AmortizedFlow, "mdn": AmortizedMdn}


def main() -> None:
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
        checks = Checks(arguments.datasets, AmortizedFlowPsis().proposals)
        summary, table = check_learned(hosted, built, checks, lambda i, _: 2 + i, print)
    found = summary["accuracy"]
    print(
        f"{arguments.scenario} {arguments.settings}: {arguments.steps} steps, {cost.cpu_s:.0f} s of CPU time"
    )
    print(f"KL {found['kl']:.3f} +- {found['kl_se']:.3f} nats, median {found['kl_median']:.3f}")
    print(f"efficiency: median {found['efficiency_median']:.2f}, 5% quantile {found['efficiency_5']:.3f}")
    accepted = (table["pareto_k"] < accepted_pareto_k(checks.draws)).mean()
    print(
        f"accepted by amortized-flow-psis at the first attempt: {100 * accepted:.0f}% "
        f"of {arguments.datasets} data sets"
    )
    for row in summary["calibration"]:
        verdict = "calibrated" if row["inside"] else "outside the 95% band"
        spread = f"spread {row['spread']:+.2f} +- {row['spread_se']:.2f}"
        print(f"  {row['quantity']}: {verdict}, p {row['p_value']:.3f}, {spread}")


if __name__ == "__main__":
    main()
