"""What every script of the workflow shares: a log beside the terminal, and errors without tracebacks."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from pipeline.errors import UserError


class _Tee:
    """Writes to several text streams at once."""

    def __init__(self, *streams: TextIO) -> None:
        self._streams = streams

    def write(self, text: str) -> int:
        for stream in self._streams:
            stream.write(text)
            stream.flush()
        return len(text)

    def flush(self) -> None:
        for stream in self._streams:
            stream.flush()


@contextlib.contextmanager
def job(snakemake: Any) -> Iterator[Any]:
    """Run a script: messages go to the terminal and the log; a UserError ends it without a traceback."""
    log_file = Path(snakemake.log[0])
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("w") as log, contextlib.redirect_stderr(_Tee(sys.stderr, log)):  # type: ignore[type-var]
        try:
            yield snakemake
        except UserError as error:
            print(f"Error: {error}", file=sys.stderr)
            sys.exit(1)
