"""posteriordb's layout on disk: what one posterior is made of, every fault in it named by its file.

A posterior is a Stan program with its data (Magnusson et al. 2025, "posteriordb", AISTATS). A database has
the folders ``posteriors``, ``models``, ``data`` and ``reference_posteriors``; a checkout of posteriordb's
repository holds it in the folder ``posterior_database``.
"""

import difflib
import json
import math
import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from pipeline.errors import UserError
from pipeline.scenarios.base import Family

_LISTED = 20  # names in a message


@dataclass(frozen=True)
class Entry:
    """One posterior of a database.

    Attributes:
        name: of the posterior.
        model: of its model.
        words: names, titles and keywords of posterior and model, which tell the family.
        program: its Stan program.
        data_file: the program's data, JSON or zipped.
        draws_file: its reference draws, JSON or zipped; None where it has none.
        files: all that was read and will be.
    """

    name: str
    model: str
    words: str
    program: Path
    data_file: Path
    draws_file: Path | None
    draws_info_file: Path | None
    files: tuple[Path, ...]

    @property
    def family(self) -> Family | None:
        """What names, titles and keywords say; None where they name neither."""
        if re.search(r"hidden markov|hmm", self.words):
            return "hmm"  # first, since an HMM is a mixture too
        return "mixture" if re.search(r"\bmixture\b", self.words) else None


def find_database(path: Path) -> Path:
    """Return the database in a folder: that folder, or ``posterior_database`` within it.

    Raises:
        UserError: there is no such folder, or no database in it.
    """
    if not path.is_dir():
        raise UserError(
            f"database: {path}: there is no such folder. A path counts from the folder that the workflow "
            f"runs in, {Path.cwd()}. Clone posteriordb, and name the clone's folder."
        )
    for root in (path / "posterior_database", path):
        if (root / "posteriors").is_dir():
            return root
    raise UserError(
        f"database: {path}: found neither posterior_database/posteriors nor posteriors. Name the folder of a "
        "clone of posteriordb, or its folder posterior_database."
    )


def find_posterior(root: Path, name: str) -> Entry:
    """Return the files of a posterior, all of which exist.

    Raises:
        UserError: no such posterior (with the closest names), or a file of it that is missing, cannot be read
            or lacks a key.
    """
    names = sorted(file.stem for file in (root / "posteriors").glob("*.json"))
    if name not in names:
        raise UserError(
            f"posterior: there is no {name!r} in {root / 'posteriors'}. {_instead(root, name, names)}"
        )
    file = root / "posteriors" / f"{name}.json"
    about = read_object(file)
    model_info = root / "models/info" / f"{_text(about, 'model_name', file)}.info.json"
    data_info = root / "data/info" / f"{_text(about, 'data_name', file)}.info.json"
    model = read_object(model_info)
    try:
        code = model["model_implementations"]["stan"]["model_code"]
    except (KeyError, TypeError):
        raise UserError(
            f"{model_info}: has no model_implementations.stan.model_code; only Stan programs can be fitted."
        ) from None
    draws_file, draws_info = None, None
    if reference := about.get("reference_posterior_name"):
        draws_file = _present(root / "reference_posteriors/draws/draws" / f"{reference}.json")
        draws_info = root / "reference_posteriors/draws/info" / f"{reference}.info.json"
        draws_info = draws_info if draws_info.is_file() else None
    data_file = _present(root / _text(read_object(data_info), "data_file", data_info))
    program = _present(root / str(code))
    return Entry(
        name=name,
        model=about["model_name"],
        words=_words(about, model, about["data_name"]),
        program=program,
        data_file=data_file,
        draws_file=draws_file,
        draws_info_file=draws_info,
        files=tuple(
            file
            for file in (file, model_info, data_info, program, data_file, draws_file, draws_info)
            if file is not None
        ),
    )


def read_json(file: Path) -> Any:
    """Return the content of a JSON file, or of the one member of a zip file.

    Raises:
        UserError: it cannot be read.
    """
    try:
        if file.suffix != ".zip":
            return json.loads(file.read_text(encoding="utf-8"))
        with zipfile.ZipFile(file) as archive:
            members = archive.namelist()
            if len(members) != 1:
                raise UserError(f"{file}: must hold one file; found {len(members)}: {', '.join(members)}.")
            return json.loads(archive.read(members[0]))
    except FileNotFoundError:
        raise UserError(
            f"{file}: there is no such file. The checkout is not whole; check it out again."
        ) from None
    except OSError as error:
        raise UserError(f"{file}: cannot be read: {error.strerror or error}.") from error
    except zipfile.BadZipFile as error:
        raise UserError(f"{file}: is not a whole zip file ({error}). Check the file out again.") from error
    except ValueError as error:
        raise UserError(f"{file}: is not JSON ({error}). Check the file out again.") from error


def read_object(file: Path) -> dict[str, Any]:
    """Read a JSON file, zipped or not, that holds an object.

    Raises:
        UserError: it cannot be read, or holds something else.
    """
    if not isinstance(value := read_json(file), dict):
        raise UserError(f"{file}: must hold a JSON object; found {type(value).__name__}.")
    return value


def is_numbers(value: Any) -> TypeGuard[list[float]]:
    """Say whether a value is a list of finite numbers, and not empty."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(x, int | float) and not isinstance(x, bool) and math.isfinite(x) for x in value)
    )


def _instead(root: Path, name: str, names: list[str]) -> str:
    """Say what may have been meant: the closest names, or else the database's mixtures and HMMs."""
    parts = [other for other in names if name.lower() in other.lower()]
    if close := (parts or difflib.get_close_matches(name, names, n=3))[:3]:
        return f"Did you mean {' or '.join(map(repr, close))}?"
    fitting = []
    for other in names:
        try:
            family = find_posterior(root, other).family
        except UserError:
            continue
        fitting += [other] if family else []
    shown = ", ".join(fitting[:_LISTED]) + (", ..." if len(fitting) > _LISTED else "")
    return f"Its mixtures and HMMs: {shown or 'none'}."


def _words(about: dict[str, Any], model: dict[str, Any], data_name: str) -> str:
    parts: list[str] = [data_name]
    for record in (about, model):
        keywords = record.get("keywords") or []
        parts += [str(record.get(key) or "") for key in ("name", "title")]
        parts += [keywords] if isinstance(keywords, str) else map(str, _items(keywords))
    return re.sub(r"[_\-.]", " ", " ".join(parts).lower())


def _items(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list) else ()


def _present(file: Path) -> Path:
    """Return a file, or the zip file that stands for it."""
    zipped = file.with_name(f"{file.name}.zip")
    if not (found := zipped if zipped.is_file() else file).is_file():
        raise UserError(
            f"{file}: found neither this file nor {zipped.name}. The checkout is not whole; check it out "
            "again."
        )
    return found


def _text(record: dict[str, Any], key: str, file: Path) -> str:
    if not isinstance(value := record.get(key), str):
        raise UserError(f"{file}: {key} must be a text; found {value!r}.")
    return value
