"""The user's cache folder: entries keyed by content, written whole or not at all, once for all processes."""

import contextlib
import errno
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import filelock
import platformdirs

from pipeline.errors import UserError

FOLDER_VARIABLE = "LATENTBENCH_CACHE"
NO_SPACE = "No space left on device"
LAYOUT = "2"  # counts up whenever the files of an entry change, so that older entries are left alone


def cache_folder() -> Path:
    """Return the folder of compiled programs: $LATENTBENCH_CACHE, or the platform's cache folder."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    return Path(chosen).absolute() if chosen else platformdirs.user_cache_path("latentbench")


def content_key(*parts: str | bytes) -> str:
    """Return 24 hexadecimal digits that depend on every part and on where one part ends."""
    digest = hashlib.sha256()
    for part in (LAYOUT, *parts):
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()[:24]


def entry_path(kind: str, name: str, key: str) -> Path:
    """Return the folder of one entry, readable by its name and found by its key."""
    return cache_folder() / kind / f"{re.sub(r'[^A-Za-z0-9._-]', '_', name)}-{key}"


def make_entry(entry: Path, make: Callable[[Path], None], wait: bool = True) -> bool:
    """Make sure that a folder exists, with all that ``make`` writes into it.

    ``make`` gets a temporary folder beside it, which becomes the entry when ``make`` returns. Of several
    processes one makes the entry; the others wait for it, or, with ``wait=False``, return at once.

    Returns:
        Whether the entry exists now: False only where another process is making it.

    Raises:
        UserError: the cache folder cannot be written, or the disk is full.
    """
    if entry.is_dir():
        return True
    with explained_os_errors(entry):
        entry.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(entry.with_name(entry.name + ".lock"))
        try:
            lock.acquire(timeout=-1 if wait else 0, poll_interval=0.1)
        except filelock.Timeout:
            return False
        with contextlib.ExitStack() as stack:
            stack.callback(lock.release)
            if entry.is_dir():
                return True
            prefix = entry.name + ".tmp-"
            # Whoever holds the lock is alone: what lies here was left by a process that was killed.
            for left_over in entry.parent.glob(f"{prefix}*"):
                shutil.rmtree(left_over, ignore_errors=True)
            folder = Path(tempfile.mkdtemp(prefix=prefix, dir=entry.parent))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            make(folder)
            folder.chmod(0o755)
            folder.rename(entry)
    return True


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """Give an empty folder in the cache folder, and delete it afterwards.

    Raises:
        UserError: the cache folder cannot be written, or the disk is full.
    """
    with explained_os_errors(cache_folder()):
        cache_folder().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="scratch-", dir=cache_folder()) as folder:
            yield Path(folder)


@contextlib.contextmanager
def explained_os_errors(path: Path) -> Iterator[None]:
    """Turn a full disk or an unwritable folder into an error that says what to do."""
    try:
        yield
    except OSError as error:
        where = error.filename or path
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise disk_full(where) from error
        raise UserError(
            f"The cache folder {cache_folder()} cannot be written ({error.strerror}: {where}).\n"
            f"Set the environment variable {FOLDER_VARIABLE} to a folder of your own."
        ) from error


def disk_full(where: object) -> UserError:
    """Return the error for a disk without space."""
    return UserError(
        f"No space left on the disk of {where}.\n"
        f"Free about 200 MB there, or set the environment variable {FOLDER_VARIABLE} to a folder on\n"
        f"another disk. All of the cache folder {cache_folder()} may be deleted: it is built again."
    )
