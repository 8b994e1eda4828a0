"""Where the files lie that stand beside this package in a checkout: Stan programs, C++ sources, schema."""

from pathlib import Path

from pipeline.errors import UserError

CHECKOUT = Path(__file__).parents[1]


def require(path: Path) -> Path:
    """Return a path of the checkout that must exist.

    Raises:
        UserError: it does not, most likely because the package was installed without ``-e``.
    """
    if path.exists():
        return path
    raise UserError(
        f"{path}: no such file or folder. The suite runs from a checkout, where the Snakefile, config/ and "
        f"stan/ stand beside the package pipeline/; the package that runs now lies in {CHECKOUT}.\n"
        "Clone the repository, install it there with `pip install -c constraints.txt -e .`, and run the "
        "commands in that folder."
    )
