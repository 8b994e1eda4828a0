"""Outputs are written whole or not at all; inputs are told apart by their content."""

import contextlib
import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import UserError


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``, renamed to it when the block ends without an error.

    Readers never see half a file, whatever kills the writer. Raises UserError when the folder cannot be
    written or the disk is full.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise UserError(
            f"{path}: cannot write here ({error.strerror}). Free some space or mend the rights."
        ) from error
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        if error.errno is None:
            raise
        raise UserError(
            f"{path}: writing failed ({error.strerror}). Free some space and run again."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn whatever reading a damaged file raises into a UserError that names the file."""
    try:
        yield
    except (OSError, ValueError, LookupError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{path}: cannot be read ({type(error).__name__}: {error}). It is damaged, or of another "
            "version; remove it and give the same command again, which makes it anew."
        ) from error


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON, whole or not at all."""
    with whole(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, sort_keys=True, default=_plain) + "\n")


def _plain(value: Any) -> Any:
    """Turn NumPy's scalars and arrays, and paths, into what JSON knows."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def fingerprint(*parts: Any) -> str:
    """Return a short hash of nested plain values and arrays; only equal parts give equal hashes."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(json.dumps(part, sort_keys=True, default=_plain).encode())
        digest.update(b"\x1e")
    return digest.hexdigest()[:20]


def hash_of_file(path: Path) -> str:
    """Return a hash of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:20]
