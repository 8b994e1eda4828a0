"""What made the run, from provenance.json, in the words of the report."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

_RUN_FACTS = {
    "run": "Run",
    "seed": "Root seed",
    "root_seed": "Root seed",
    "git_commit": "Git commit",
    "git_changes": "Uncommitted changes",
    "started": "Started",
    "ended": "Ended",
    "finished": "Finished",
    "python": "Python",
}
_START = re.compile(r"^snakemake --cores \S+")
_GROUPS = {
    "machine": "Machine",
    "toolchain": "Stan toolchain",
    "packages": "Packages",
    "published_references": "References that were published",
}


@dataclass(frozen=True)
class FactGroup:
    """A heading with names and values."""

    title: str
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Provenance:
    """The section's content.

    Attributes:
        command: that made the run.
        cell_command: that makes the draws of one method on one scenario, whose names are to be filled in.
        cells: the methods that were run on each scenario, for those names.
        groups: facts.
        configuration: as YAML.
        machine: in a sentence.
    """

    command: str
    cell_command: str
    cells: dict[str, list[str]]
    groups: tuple[FactGroup, ...]
    configuration: str
    machine: str


def describe(record: Mapping[str, Any], fitted: Iterable[tuple[str, str]] = ()) -> Provenance:
    """Sort a provenance record into groups of facts; keys that are not known are shown as they are.

    ``fitted`` are the pairs of scenario and method of the run.
    """
    configuration = record.get("configuration", record.get("config"))
    taken = {"command", "configuration", "config", *_RUN_FACTS, *_GROUPS}
    general = [
        (label, _text(record[key])) for key, label in _RUN_FACTS.items() if record.get(key) is not None
    ]
    groups = [FactGroup("Run", tuple(general))]
    for key, title in _GROUPS.items():
        if isinstance(record.get(key), Mapping):
            groups.append(FactGroup(title, tuple((_label(k), _text(v)) for k, v in record[key].items())))
    rest = tuple((_label(key), _text(value)) for key, value in record.items() if key not in taken)
    if rest:
        groups.append(FactGroup("Further", rest))
    shown = "" if not configuration else yaml.safe_dump(configuration, sort_keys=False, allow_unicode=True)
    command, run = str(record.get("command") or ""), record.get("run")
    cells: dict[str, list[str]] = {}
    for scenario, method in fitted:
        cells.setdefault(scenario, []).append(method)
    start = _START.match(command)
    return Provenance(
        command=command,
        cell_command=f"{start[0]} results/{run}/draws/SCENARIO/METHOD.nc{command[start.end() :]}"
        if run and start
        else "",
        cells=cells,
        groups=tuple(group for group in groups if group.facts),
        configuration=shown,
        machine=_machine(record.get("machine")),
    )


def _machine(machine: Any) -> str:
    if not isinstance(machine, Mapping):
        return ""
    parts = [str(machine["cpu"])] if machine.get("cpu") else []
    parts += [f"{machine['cores']} cores"] if machine.get("cores") else []
    return f"Machine: {', '.join(parts)}." if parts else ""


def _label(key: str) -> str:
    return str(key).replace("_", " ")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " ".join(map(str, value))
    return "not recorded" if value is None else str(value)
