"""From Stan to C++, by Stan's own compiler."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from pipeline.errors import UserError
from pipeline.stan import cache


def check_stan_file(stan_file: Path) -> Path:
    """Return the absolute path of a Stan program.

    Raises:
        UserError: it does not exist, is not a file, cannot be read or does not end in .stan.
    """
    if stan_file.suffix != ".stan":
        raise UserError(f"{stan_file}: a Stan program's file name must end in .stan.")
    if not stan_file.is_file():
        what = "is not a file" if stan_file.exists() else "does not exist"
        raise UserError(f"{stan_file} {what}: give the path of a Stan program.")
    return stan_file.absolute()


def translate(stanc: Path, stan_file: Path, say: Callable[[str], None]) -> str:
    """Return the C++ code of a Stan program; hand stanc's warnings to ``say``.

    stanc runs in the program's folder and is given the bare file name, so that the model's messages name
    the file as CmdStan does, on every machine alike; ``#include`` looks there. The C++ code holds all that
    the program says, included files too, and no paths: it serves as the key of what is built from it.

    Raises:
        UserError: stanc refuses the program (its own message, with line and column), or does not run.
    """
    try:
        includes = re.search(r"^\s*#include\b", stan_file.read_text(errors="replace"), re.MULTILINE)
    except OSError as error:
        raise UserError(f"{stan_file} cannot be read: {error.strerror}.") from error
    with cache.scratch_folder() as folder:
        output = folder / "model.cpp"
        argv = [str(stanc), f"--o={output}", *(["--include-paths=."] if includes else []), stan_file.name]
        try:
            answer = subprocess.run(
                argv, cwd=stan_file.parent, capture_output=True, text=True, errors="replace", check=False
            )
        except OSError as error:
            raise UserError(f"Stan's compiler {stanc} does not run: {error.strerror}.") from error
        if answer.returncode != 0:
            message = (answer.stderr or answer.stdout).strip()
            if cache.NO_SPACE in message:
                raise cache.disk_full(output)
            raise UserError(f"{stan_file} is not a valid Stan program:\n{message}")
        if answer.stderr.strip():
            say(answer.stderr.strip())
        return output.read_text()
