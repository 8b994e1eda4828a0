"""Posteriors and data sets on disk: NetCDF that ArviZ reads, one file a (scenario, method).

A file of posteriors has the groups ``posterior`` (constrained parameters), ``unconstrained_posterior``,
``sample_stats`` (lp: the log target with the Jacobian), ``membership`` and, where the method has a density,
``proposal``, and where labels are exchangeable, ``labels``. Their first dimension is ``dataset``; a data set
that failed is absent from it. Data sets of unequal sizes are padded with NaN.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import xarray as xr

from pipeline.files import whole
from pipeline.labels.runs import Labels
from pipeline.posterior import Posterior, Proposal
from pipeline.scenarios.base import DataSet

_GROUPS = ("posterior", "unconstrained_posterior", "sample_stats", "membership", "proposal", "labels")


def write_posteriors(path: Path, posteriors: Mapping[int, Posterior]) -> None:
    """Write posteriors by data set to one NetCDF file, whole or not at all; none of them is no error."""
    with whole(path) as temporary:
        mode = "w"
        for group in _GROUPS:
            pieces = [_as_datasets(p)[group].expand_dims(dataset=[i]) for i, p in sorted(posteriors.items())]
            pieces = [piece for piece in pieces if piece.data_vars]
            merged = xr.concat(pieces, "dataset", join="outer") if pieces else xr.Dataset()
            encoding = {name: {"zlib": True, "complevel": 1, "shuffle": True} for name in merged.data_vars}
            merged.to_netcdf(temporary, mode=mode, group=group, engine="h5netcdf", encoding=encoding)
            mode = "a"


def read_posteriors(path: Path) -> dict[int, Posterior]:
    """Read a file of ``write_posteriors``: posteriors by data set, without their padding."""
    groups = {group: xr.load_dataset(path, group=group, engine="h5netcdf") for group in _GROUPS}
    if "dataset" not in groups["posterior"].coords:
        return {}
    return {
        int(i): _as_posterior(
            {
                name: ds.sel(dataset=i) if "dataset" in ds.dims and i in ds["dataset"] else xr.Dataset()
                for name, ds in groups.items()
            }
        )
        for i in groups["posterior"]["dataset"].values
    }


def _as_datasets(posterior: Posterior) -> dict[str, xr.Dataset]:
    """Lay one posterior out as xarray data sets by group."""
    parameters = {
        name: (("chain", "draw", *(f"{name}_dim_{i}" for i in range(values.ndim - 2))), values)
        for name, values in posterior.parameters.items()
    }
    n_chains, n_draws = posterior.log_p.shape
    coords = {"chain": np.arange(n_chains), "draw": np.arange(n_draws)}
    proposal = posterior.proposal
    return {
        "posterior": xr.Dataset(parameters, coords),
        "unconstrained_posterior": xr.Dataset(
            {"theta_unconstrained": (("chain", "draw", "unconstrained"), posterior.unconstrained)}, coords
        ),
        "sample_stats": xr.Dataset({"lp": (("chain", "draw"), posterior.log_p)}, coords),
        "membership": xr.Dataset(
            {
                # Coordinates make data sets of unequal length align when they are joined.
                kind: xr.DataArray(
                    values,
                    dims=("batch", f"{kind}_obs", "component"),
                    coords={f"{kind}_obs": np.arange(values.shape[1])},
                )
                for kind, values in posterior.memberships.items()
            }
        ),
        "proposal": xr.Dataset()
        if proposal is None
        else xr.Dataset(
            {
                "log_p": ("proposal_draw", proposal.log_p),
                "log_q": ("proposal_draw", proposal.log_q),
                "log_q_reference": (("run", "reference_draw"), proposal.log_q_reference),
            },
            {"proposal_draw": np.arange(len(proposal.log_p))},
        ),
        "labels": xr.Dataset() if posterior.labels is None else _labels_as_dataset(posterior.labels),
    }


def _labels_as_dataset(labels: Labels) -> xr.Dataset:
    names = list(labels.permutations)
    permutations = np.stack([labels.permutations[name] for name in names]).astype(np.int8)
    return xr.Dataset(
        {
            "permutation": (("relabeller", "chain", "draw", "component"), permutations),
            "wall_s": ("relabeller", [labels.wall_s[name] for name in names]),
            "together": (("chain", "draw"), labels.together),
            "observed": ("shown", labels.observed.astype(float)),
            "coclustering": (("batch", "shown", "other"), labels.coclustering.astype(np.float32)),
        },
        {
            "relabeller": names,
            "shown": np.arange(len(labels.observed)),
            "other": np.arange(len(labels.observed)),
        },
        {"axes": json.dumps(labels.axes)},
    )


def _as_labels(table: xr.Dataset) -> Labels | None:
    if "permutation" not in table:
        return None
    table = table.dropna("shown", how="all", subset=["observed"]).dropna(
        "other", how="all", subset=["coclustering"]
    )
    names = [str(name) for name in table["relabeller"].values]
    permutations = table["permutation"].values.astype(np.int64)
    return Labels(
        axes={name: tuple(axes) for name, axes in json.loads(table.attrs["axes"]).items()},
        permutations=dict(zip(names, permutations, strict=True)),
        wall_s=dict(zip(names, table["wall_s"].values.tolist(), strict=True)),
        together=table["together"].values,
        observed=table["observed"].values.astype(int),
        coclustering=table["coclustering"].values.astype(float),
    )


def _as_posterior(groups: Mapping[str, xr.Dataset]) -> Posterior:
    """Undo ``_as_datasets``."""
    proposal = None
    if "log_q" in groups["proposal"]:
        raw = groups["proposal"].dropna("proposal_draw", how="all", subset=["log_q"])
        if raw.sizes["proposal_draw"]:
            proposal = Proposal(raw["log_p"].values, raw["log_q"].values, raw["log_q_reference"].values)
    return Posterior(
        parameters={str(k): v.values for k, v in groups["posterior"].data_vars.items()},
        unconstrained=groups["unconstrained_posterior"]["theta_unconstrained"].values,
        log_p=groups["sample_stats"]["lp"].values,
        memberships={
            str(k): v.dropna(f"{k}_obs", how="all").values for k, v in groups["membership"].data_vars.items()
        },
        proposal=proposal,
        labels=_as_labels(groups["labels"]),
    )


def write_data_sets(path: Path, data_sets: list[DataSet]) -> None:
    """Write simulated or real data sets, whole or not at all: y, and theta and z where they are known."""
    pieces = []
    for i, data in enumerate(data_sets):
        variables: dict = {"y": (("obs", "replicate"), data.y)}
        for name, value in (data.theta or {}).items():
            value = np.asarray(value, dtype=float)
            variables[f"theta_{name}"] = (tuple(f"{name}_dim_{j}" for j in range(value.ndim)), value)
        if data.z is not None:
            variables["z"] = ("obs", data.z.astype(float))
        coords = {"obs": np.arange(data.y.shape[0]), "replicate": np.arange(data.y.shape[1])}
        pieces.append(xr.Dataset(variables, coords).expand_dims(dataset=[i]))
    with whole(path) as temporary:
        xr.concat(pieces, "dataset", join="outer").to_netcdf(temporary, engine="h5netcdf")


def read_data_sets(path: Path) -> dict[int, DataSet]:
    """Read a file of ``write_data_sets``: data sets by their number, without padding."""
    return dict(_iterate_data_sets(xr.load_dataset(path, engine="h5netcdf")))


def _iterate_data_sets(table: xr.Dataset) -> Iterator[tuple[int, DataSet]]:
    for i in table["dataset"].values:
        one = table.sel(dataset=i)
        one = one.dropna("obs", how="all", subset=["y"]).dropna("replicate", how="all", subset=["y"])
        theta = {str(k)[6:]: one[k].values for k in one.data_vars if str(k).startswith("theta_")}
        z = one["z"].values.astype(int) if "z" in one else None
        yield int(i), DataSet(y=one["y"].values, theta=theta or None, z=z)
