"""Checkpoints: one file with everything that is needed to go on, or to use the network."""

import json
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, BinaryIO

import equinox as eqx

from pipeline.errors import UnusableCheckpoint, UserError
from pipeline.files import fingerprint, hash_of_file, whole
from pipeline.scenarios.base import Scenario

FORMAT = 8  # of the file and of the networks' code; raise it when either changes
PACKAGES = ("jax", "equinox", "optax")


@dataclass(frozen=True)
class Identity:
    """What a checkpoint must agree with before it is used.

    Attributes:
        scenario: fingerprint of the scenario's name and settings, prior and sizes among them, and of the
            files that these name.
        architecture: of the network.
        versions: of the format and of the packages that wrote the file.
    """

    scenario: str
    architecture: dict[str, Any]
    versions: dict[str, str]


def identity_of(
    scenario: Scenario, architecture: dict[str, Any], packages: tuple[str, ...] = PACKAGES
) -> Identity:
    """Return what a checkpoint written now, by these packages, would say of itself."""
    versions = {"format": str(FORMAT)} | {name: metadata.version(name) for name in packages}
    settings = asdict(scenario)  # pyright: ignore[reportArgumentType] scenarios are dataclasses
    files = [hash_of_file(file) for file in (*scenario.input_files, *scenario.code_files)]
    return Identity(fingerprint(scenario.name, settings, *files), architecture, versions)


def write_checkpoint(path: Path, identity: Identity, record: dict[str, Any], state: Any) -> None:
    """Write a line of JSON and the state's arrays, whole or not at all."""
    with whole(path) as temporary, temporary.open("wb") as file:
        write_header(file, identity, record)
        eqx.tree_serialise_leaves(file, state)


def write_header(file: BinaryIO, identity: Identity, record: dict[str, Any]) -> None:
    """Write the JSON line that every checkpoint begins with."""
    file.write(json.dumps({"identity": asdict(identity), "record": record}).encode() + b"\n")


def read_header(path: Path) -> dict[str, Any]:
    """Return the JSON line of a checkpoint.

    Raises:
        UserError: there is no such file.
        UnusableCheckpoint: it is no checkpoint.
    """
    try:
        with path.open("rb") as file:
            header = json.loads(file.readline())
        _ = header["identity"]["versions"], header["record"]
    except OSError as error:
        raise UserError(
            f"{path}: cannot read this checkpoint ({error.strerror}). Train one first."
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise UnusableCheckpoint(
            f"{path}: this is no checkpoint of an amortized network. Delete it and train."
        ) from error
    return header


def read_checkpoint(path: Path, identity: Identity, like: Any) -> tuple[dict[str, Any], Any]:
    """Return the record and the state of a checkpoint.

    Args:
        path: the file.
        identity: what the checkpoint must agree with.
        like: a state of the same structure.

    Raises:
        UnusableCheckpoint: it is another scenario's, prior's, architecture's or version's, or damaged.
    """
    header = read_header(path)
    check_identity(path, header["identity"], identity)
    try:
        with path.open("rb") as file:
            file.readline()
            return header["record"], eqx.tree_deserialise_leaves(file, like)
    except Exception as error:  # whatever NumPy and Equinox make of a damaged file
        raise UnusableCheckpoint(f"{path}: this checkpoint is damaged. Delete it and train again.") from error


def check_identity(path: Path, found: dict[str, Any], wanted: Identity) -> None:
    """Raise UnusableCheckpoint, with the reason, where a checkpoint is not what is wanted."""
    advice = "Delete it, or name another file, and train again."
    if found["scenario"] != wanted.scenario:
        raise UnusableCheckpoint(
            f"{path}: trained for another scenario or other settings of it (fingerprint "
            f"{found['scenario']}, wanted {wanted.scenario}). {advice}"
        )
    for what in ("versions", "architecture"):
        for key, value in getattr(wanted, what).items():
            if found[what].get(key) != value:
                raise UnusableCheckpoint(
                    f"{path}: trained with {what} {key} = {found[what].get(key)!r}, wanted {value!r}. "
                    f"{advice}"
                )
