"""Fits that take their process along: a crash, a kill or a hang in compiled code is a row like any failure.

The work runs in a child process. Where that dies in the middle of a fit, this process writes down why and
sends another child, which goes on with the next data set.
"""

import contextlib
import ctypes
import json
import math
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from faulthandler import cancel_dump_traceback_later, dump_traceback_later
from pathlib import Path

from pipeline.errors import UserError

STARTED = ".started"
GRACE_S = 30.0  # after its limit a fit that runs Python has ended by itself
_PATIENCE_S = 3.0  # whoever kills a whole run kills this process too, before it takes that for a failed fit
_INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PR_SET_PDEATHSIG = 1


def supervised(work: Callable[[], None], pieces: Path, give_up: Callable[[Path, str, str], None]) -> None:
    """Do the work in a child process, and again after every fit that ended the process.

    Args:
        work: fits what has no finished piece yet; it must not count on anything but files.
        pieces: folder in which ``under_way`` says what is being fitted.
        give_up: takes the stem of a piece, a status and a reason, and writes them down.
    """
    if sys.platform != "linux":  # elsewhere a child does not end with its parent
        return work()
    for left_over in pieces.glob(f"*{STARTED}"):  # of a run that was killed
        left_over.unlink()
    while True:
        code = _in_child(work)
        at_work = sorted(pieces.glob(f"*{STARTED}"))
        if -code in _INTERRUPTS:
            sys.exit(128 - code)
        if not at_work:
            if code:
                sys.exit(code if code > 0 else 1)
            return None
        if code == -signal.SIGKILL:
            time.sleep(_PATIENCE_S)
        for marker in at_work:
            give_up(marker.with_suffix(""), *_reason(code, json.loads(marker.read_text())))
            marker.unlink()


@contextlib.contextmanager
def under_way(stem: Path, limit_s: float) -> Iterator[None]:
    """Leave a mark beside a piece while it is fitted, and end the process long after the limit."""
    marker, latest_s = stem.with_suffix(STARTED), limit_s + GRACE_S
    marker.write_text(json.dumps({"began": time.monotonic(), "limit_s": limit_s}))
    if math.isfinite(latest_s):
        # A thread of C's, which ends the process where Python's own signals are not looked at.
        dump_traceback_later(latest_s, exit=True, file=sys.__stderr__ or 2)
    try:
        yield
    finally:
        cancel_dump_traceback_later()
        marker.unlink(missing_ok=True)


def _in_child(work: Callable[[], None]) -> int:
    """Run the work in a fork of this process; return its exit status, or minus the signal that ended it."""
    sys.stdout.flush()
    sys.stderr.flush()
    parent, child = os.getpid(), os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status)
    code = 1
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == parent:
            work()
            code = 0
    except UserError as error:
        print(f"Error: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _reason(code: int, marker: dict[str, float]) -> tuple[str, str]:
    """Return status and reason of a fit in which the process ended."""
    if code == 1 and time.monotonic() - marker["began"] > marker["limit_s"] + GRACE_S:
        return "timeout", f"no end after {marker['limit_s']:g} s, in compiled code that could not be stopped"
    if code >= 0:
        return "failed", f"the method ended the process (exit status {code})"
    name = signal.Signals(-code).name
    if code == -signal.SIGKILL:
        return "failed", f"the process was killed ({name}): most likely the memory ran out"
    return "failed", f"the process crashed ({name})"
