"""Compare two finished runs: ``python -m pipeline.regression results/one results/two``.

Writes ``compared-with-one.html`` into the second run's folder, and says the first sentence of it.
"""

import argparse
import sys
from pathlib import Path

from pipeline.errors import UserError
from pipeline.regression.page import write_comparison
from pipeline.regression.settings import Regression


def main() -> int:
    """Return the exit status: 0 whatever the comparison says, or 2 where the runs cannot be compared."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.regression", description=__doc__)
    parser.add_argument("first", type=Path, help="folder of the older run, such as results/default")
    parser.add_argument("second", type=Path, help="folder of the newer run")
    parser.add_argument("-o", "--output", type=Path, help="the page to write, where another is wanted")
    arguments = parser.parse_args()
    first, second = (folder.resolve() for folder in (arguments.first, arguments.second))
    target = arguments.output or second / f"compared-with-{first.name}.html"
    try:
        print(write_comparison(first, second, Regression(), target))
    except UserError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
