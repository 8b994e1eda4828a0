"""Fits of many data sets as resumable pieces: what is finished survives a kill, what fails becomes a row."""

import json
import math
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pipeline.errors import UserError
from pipeline.files import reading, write_json
from pipeline.methods.base import Task
from pipeline.posterior import Posterior
from pipeline.posterior_io import load_posterior, save_posterior, write_posteriors
from pipeline.scenarios.base import DataSet, Scenario
from pipeline.stan.build import Built
from pipeline.stan.model import BoundModel
from pipeline.supervision import supervised, under_way
from pipeline.timing import time_limit


@dataclass(frozen=True)
class Piece:
    """The result for one data set.

    Attributes:
        status: ok, failed, timeout or uncertified.
        reason: why it is not ok, or a remark.
        posterior: the draws, unless failed or timed out.
        timings: rows of timings.csv, less scenario, dataset and method.
        extra: what else the stage wants to keep, as plain values.
    """

    status: str
    reason: str = ""
    posterior: Posterior | None = None
    timings: tuple[dict, ...] = ()
    extra: tuple[dict, ...] = ()


def fit_supervised(fit: Callable[[], None], pieces: Path) -> None:
    """Call a stage that fits by ``fit_all``; a fit that ends the process is a row, and the rest goes on."""

    def give_up(stem: Path, status: str, reason: str) -> None:
        if not stem.with_suffix(".json").exists():
            write_piece(stem, Piece(status, reason))

    supervised(fit, pieces, give_up)


def fit_all(
    scenario: Scenario,
    data_sets: Mapping[int, DataSet],
    built: Built,
    fit_one: Callable[[int, Task], Piece],
    seeds: Mapping[int, int],
    cores: int,
    pieces: Path,
    keys: Mapping[int, str],
    label: str,
    limit_s: float = math.inf,
) -> dict[int, Piece]:
    """Fit every data set that has no finished piece yet, and return all pieces.

    Args:
        fit_one: turns a data set's number and task into a piece; what it raises becomes a failed one.
        pieces: folder of the finished pieces; a killed job finds them again.
        keys: by data set, a fingerprint of all that its piece depends on; pieces of other keys are not used.
        label: what progress messages call this job.
        limit_s: wall time after which a fit in this process is given up; programs that it runs have limits
            of their own.
    """
    pieces.mkdir(parents=True, exist_ok=True)
    done: dict[int, Piece] = {}
    started, fitted = time.perf_counter(), 0
    for count, (i, data) in enumerate(data_sets.items(), start=1):
        stem = pieces / f"{i}-{keys[i]}"
        piece = _read_piece(stem)
        if piece is None:
            with under_way(stem, limit_s):
                piece = _fit_guarded(scenario, data, built, fit_one, seeds[i], cores, i, limit_s)
                write_piece(stem, piece)
            fitted += 1
        done[i] = piece
        left_s = (time.perf_counter() - started) / max(fitted, 1) * (len(data_sets) - count)
        remark = "" if piece.status == "ok" else f" ({piece.status}: {piece.reason})"
        print(
            f"{label}: {count} of {len(data_sets)} data sets, about {left_s:.0f} s left{remark}",
            file=sys.stderr,
        )
    return done


def _fit_guarded(
    scenario: Scenario,
    data: DataSet,
    built: Built,
    fit_one: Callable[[int, Task], Piece],
    seed: int,
    cores: int,
    number: int,
    limit_s: float,
) -> Piece:
    with tempfile.TemporaryDirectory(prefix="latentbench-") as folder:
        try:
            model = BoundModel(built, scenario.stan_data(data), scenario.parameter_shapes, Path(folder))
            with time_limit(limit_s):
                return fit_one(number, Task(scenario, data, model, seed, cores))
        except UserError:
            raise  # a full disk or a broken build is not the method's failure
        except TimeoutError as error:
            return Piece("timeout", _first_line(error))
        except SystemExit as error:
            return Piece("failed", f"the method called exit({error.code})")
        except Exception as error:  # whatever a method raises is a row, and the other data sets go on
            return Piece("failed", _reason(error, Path(folder)))


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]


def _reason(error: Exception, folder: Path) -> str:
    """Return what went wrong: Stan's own last words where CmdStanPy only says that Stan failed."""
    if isinstance(error, RuntimeError):
        for console in sorted(folder.glob("*stdout*.txt"), reverse=True):
            lines = [
                line.strip() for line in console.read_text(errors="replace").splitlines() if line.strip()
            ]
            if lines:
                return " ".join(lines[-2:])[:300]
    return f"{type(error).__name__}: {_first_line(error)}"


def write_piece(stem: Path, piece: Piece) -> None:
    """Write the draws, then the record: the record's presence says that both are whole."""
    if piece.posterior is not None:
        save_posterior(stem.with_suffix(".npz"), piece.posterior)
    write_json(stem.with_suffix(".json"), asdict(replace(piece, posterior=None)))


def _read_piece(stem: Path) -> Piece | None:
    record_file = stem.with_suffix(".json")
    if not record_file.exists():
        return None
    draws = stem.with_suffix(".npz")
    try:
        with reading(record_file):
            record = json.loads(record_file.read_text())
            texts = record["status"], record["reason"]
            rows = tuple(record["timings"]), tuple(record["extra"])
        with reading(draws):
            posterior = load_posterior(draws) if draws.exists() else None
    except UserError as error:
        print(f"{error} Fitted again.", file=sys.stderr)
        return None
    return Piece(*texts, posterior, *rows)


def write_pieces(
    pieces: Mapping[int, Piece],
    draws_file: Path,
    record_file: Path,
    folder: Path,
    cores: int,
    one_off: Sequence[dict] = (),
) -> None:
    """Join pieces to one file of draws and one of records, and remove their folder.

    ``one_off`` are phases that the method went through once for all data sets.
    """
    write_posteriors(draws_file, {i: p.posterior for i, p in pieces.items() if p.posterior is not None})
    rows = [{"dataset": i, **asdict(replace(piece, posterior=None))} for i, piece in pieces.items()]
    for row in rows:
        del row["posterior"]
    write_json(record_file, {"cores": cores, "one_off": list(one_off), "data_sets": rows})
    shutil.rmtree(folder, ignore_errors=True)
