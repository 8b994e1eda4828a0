"""Render a run's report again: ``python -m pipeline.report results/default``."""

import argparse
import sys
from pathlib import Path

from pipeline.errors import UserError
from pipeline.report.render import render_report


def main() -> int:
    """Return the exit status: 0, or 2 where the run's files do not make a report."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.report", description=__doc__)
    parser.add_argument("run", type=Path, help="folder of a run, such as results/default")
    try:
        print(render_report(parser.parse_args().run))
    except UserError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
