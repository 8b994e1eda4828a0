"""What made a run: machine, versions, code, configuration."""

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

PACKAGES = (
    ["latentbench", "httpstan", "cmdstanpy", "bridgestan", "numpy", "scipy", "pandas", "xarray"]
    + ["arviz", "scikit-learn", "snakemake", "altair"]
)  # fmt: skip


def provenance(
    config: Mapping[str, Any],
    config_files: Sequence[str],
    toolchain: Mapping[str, Any],
    published_references: Mapping[str, str],
) -> dict[str, Any]:
    """Return the record behind provenance.json.

    ``published_references`` says, by scenario, whose draws its first reference run is.
    """
    command = ["snakemake", "--cores", "all"]
    if config_files and config_files != ["config/default.yaml"]:
        command += ["--configfile", *config_files]
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
