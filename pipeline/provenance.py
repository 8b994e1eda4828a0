"""What made a run: machine, versions, code, configuration."""

import json
import os
import platform
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil
import yaml

PACKAGES = (
    ["latentbench", "httpstan", "cmdstanpy", "bridgestan", "numpy", "scipy", "pandas", "xarray"]
    + ["arviz", "scikit-learn", "snakemake", "altair"]
)  # fmt: skip


def provenance(
    config: Mapping[str, Any],
    config_files: Sequence[str],
    toolchain: Mapping[str, Any],
    published_references: Mapping[str, str],
    records: Sequence[Path] = (),
) -> dict[str, Any]:
    """Return the record behind provenance.json.

    Args:
        config: as the run had it, from files and the command line.
        config_files: where it came from.
        toolchain: which Stan.
        published_references: by scenario, whose draws its first reference run is.
        records: of the fits, which say on how many cores they ran.
    """
    cores = {json.loads(file.read_text())["cores"] for file in records}
    command = ["snakemake", "--cores", str(cores.pop()) if len(cores) == 1 else "all"]
    if (files := [_from_here(file) for file in config_files]) and files != ["config/default.yaml"]:
        command += ["--configfile", *files]
    if given := _given_beside(config, config_files):
        command += ["--config", *given]
    return {
        "run": config["run"],
        "command": shlex.join(command),
        "seed": config["seed"],
        "git_commit": _git("rev-parse", "HEAD"),
        "git_changes": bool(_git("status", "--porcelain")),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cpu": _cpu_name(),
            "cores": os.cpu_count(),
            "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
            "system": platform.platform(),
        },
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "toolchain": dict(toolchain),
        "published_references": dict(published_references),
        "config": dict(config),
    }


def _from_here(file: str) -> str:
    """Return a path as it is typed in this folder, where the file lies below it."""
    path = Path(file).resolve()
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file


def _given_beside(config: Mapping[str, Any], files: Sequence[str]) -> list[str]:
    """Return what the command line changed of the files' values, as Snakemake takes it: ``key=value``."""
    merged: dict[str, Any] = {}
    for file in files:
        if Path(file).is_file():
            merged |= yaml.safe_load(Path(file).read_text()) or {}
    # Texts need no quotes of their own, and JSON is YAML.
    return [
        f"{key}={value if isinstance(value, str) else json.dumps(value)}"
        for key, value in config.items()
        if files and merged.get(key) != value
    ]


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _git(*arguments: str) -> str | None:
    """Return what git answers, None outside a repository."""
    try:
        result = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip()


def _cpu_name() -> str:
    """Return the processor's name as the system tells it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
