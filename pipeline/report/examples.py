"""Plot-ready arrays of one example data set a scenario: what the report overlays, and nothing more.

The file is NetCDF with one group a scenario. A group holds, with ``source`` running over the reference and
the methods (methods without draws are left out):

    observed (obs)                                     mean of each observation's replicates
    true_component (obs)                               true component from 0, or -1 where unknown
    truth (parameter)                                  true value of each scalar parameter, or NaN
    sizes (dataset)                                    observations of each data set of the scenario
    draws (source, parameter, draw)                    thinned draws, padded with NaN
    membership_<kind> (source, obs, component)         P(z_n = k | y), NaN where a method gives none

where labels are exchangeable, the variables of ``label_examples``; and the attributes ``dataset``, ``family``
and ``all_obs`` (the data set's length before a long one was cut).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from jaxtyping import Float, Int

from pipeline.errors import UserError
from pipeline.posterior import Posterior
from pipeline.report.label_examples import LabelExample, label_variables, raw_posterior, read_labels
from pipeline.scenarios.base import DataSet

MAX_DRAWS = 500
MAX_OBS = 400
REFERENCE = "reference"


@dataclass(frozen=True)
class ExampleInput:
    """One data set with the posteriors that are to be overlaid.

    Attributes:
        dataset: number of the data set within its scenario.
        family: "mixture" or "hmm": whether the order of the observations means anything.
        data: the data set itself; its truth is drawn where it is known.
        observed: one number an observation, to plot.
        reference: the certified reference.
        methods: the posteriors by method; leave out what failed.
        sizes: the number of observations of every data set of the scenario, by its number.
    """

    dataset: int
    family: str
    data: DataSet
    observed: Float[np.ndarray, " obs"]
    reference: Posterior
    methods: Mapping[str, Posterior]
    sizes: Sequence[int] = ()


@dataclass(frozen=True)
class Example:
    """One scenario's example as read back.

    Attributes:
        dataset: number of the data set within its scenario.
        family: "mixture" or "hmm".
        sources: "reference" first, then the methods.
        parameters: names of the scalar parameters.
        truth: their true values, NaN where unknown.
        draws: thinned draws, padded with NaN.
        observed: mean of each observation's replicates.
        true_component: from 0, or -1 where unknown.
        memberships: by kind ("membership", "filtering", "smoothing").
        all_obs: length of the data set, of which the first ``observed.size`` are kept.
        sizes: the number of observations of every data set of the scenario, by its number.
        labels: what is shown of label switching, where labels are exchangeable.
    """

    dataset: int
    family: str
    sources: tuple[str, ...]
    parameters: tuple[str, ...]
    truth: Float[np.ndarray, " parameter"]
    draws: Float[np.ndarray, "source parameter draw"]
    observed: Float[np.ndarray, " obs"]
    true_component: Int[np.ndarray, " obs"]
    memberships: dict[str, Float[np.ndarray, "source obs component"]]
    all_obs: int
    sizes: Int[np.ndarray, " dataset"]
    labels: LabelExample | None = None


def write_examples(path: Path, examples: Mapping[str, ExampleInput]) -> None:
    """Write one example a scenario, thinned to 500 draws and the first 400 observations.

    Args:
        path: the NetCDF file to write; replaced where it exists.
        examples: by scenario name; may be empty.
    """
    tree = xr.DataTree.from_dict({scenario: _to_dataset(example) for scenario, example in examples.items()})
    tree.to_netcdf(path, engine="h5netcdf", mode="w")


def read_examples(path: Path) -> dict[str, Example]:
    """Read what ``write_examples`` wrote, by scenario.

    Raises:
        UserError: the file is damaged or was not written by ``write_examples``.
    """
    try:
        with xr.open_datatree(path, engine="h5netcdf") as tree:
            return {name: _from_dataset(node.to_dataset().load()) for name, node in tree.children.items()}
    except (OSError, KeyError, ValueError, AttributeError) as error:
        raise UserError(
            f"{path}: cannot be read ({error}); rerun the workflow, or remove the file"
        ) from error


def _to_dataset(example: ExampleInput) -> xr.Dataset:
    sources = {REFERENCE: example.reference, **example.methods}
    parameters = list(example.reference.scalars())
    n_obs = example.data.y.shape[0]
    kept = min(n_obs, MAX_OBS)
    z = np.full(kept, -1) if example.data.z is None else np.asarray(example.data.z)[:kept]
    variables = {
        "observed": ("obs", example.observed[:kept]),
        "true_component": ("obs", z.astype(np.int32)),
        "truth": ("parameter", _true_scalars(example.data, parameters)),
        "sizes": ("dataset", np.asarray(example.sizes, dtype=np.int32)),
        "draws": (("source", "parameter", "draw"), _stacked(sources, parameters)),
        **label_variables(sources, example.observed),
    }
    if "copy_share" in variables:
        raw = {source: raw_posterior(posterior) for source, posterior in sources.items()}
        variables["raw_draws"] = (("source", "parameter", "draw"), _stacked(raw, parameters))
    for kind, values in example.reference.memberships.items():
        together = np.full((len(sources), kept, values.shape[-1]), np.nan, dtype=np.float32)
        for row, posterior in enumerate(sources.values()):
            if kind in posterior.memberships:
                together[row] = posterior.memberships[kind].mean(axis=0)[:kept]
        variables[f"membership_{kind}"] = (("source", "obs", "component"), together)
    coordinates = {"source": list(sources), "parameter": parameters}
    attributes = {"dataset": example.dataset, "family": example.family, "all_obs": n_obs}
    return xr.Dataset(variables, coords=coordinates, attrs=attributes)


def _from_dataset(data: xr.Dataset) -> Example:
    prefix = "membership_"
    return Example(
        dataset=int(data.attrs["dataset"]),
        family=str(data.attrs["family"]),
        sources=tuple(str(name) for name in data["source"].values),
        parameters=tuple(str(name) for name in data["parameter"].values),
        truth=data["truth"].values,
        draws=data["draws"].values,
        observed=data["observed"].values,
        true_component=data["true_component"].values,
        memberships={
            str(name)[len(prefix) :]: values.values
            for name, values in data.data_vars.items()
            if str(name).startswith(prefix)
        },
        all_obs=int(data.attrs["all_obs"]),
        # An older run, which is compared with a new one, may not have them.
        sizes=data["sizes"].values if "sizes" in data else np.empty(0, dtype=np.int32),
        labels=read_labels(data),
    )


def _stacked(
    sources: Mapping[str, Posterior], parameters: list[str]
) -> Float[np.ndarray, "source parameter draw"]:
    """Return thinned draws, padded with NaN."""
    draws = [_thinned_scalars(posterior) for posterior in sources.values()]
    longest = max(values.size for by_name in draws for values in by_name.values())
    stacked = np.full((len(sources), len(parameters), longest), np.nan, dtype=np.float32)
    for row, by_name in enumerate(draws):
        for column, name in enumerate(parameters):
            if name in by_name:
                stacked[row, column, : by_name[name].size] = by_name[name]
    return stacked


def _thinned_scalars(posterior: Posterior) -> dict[str, Float[np.ndarray, " draw"]]:
    return {name: _thin(values.reshape(-1)) for name, values in posterior.scalars().items()}


def _thin(values: Float[np.ndarray, " draw"]) -> Float[np.ndarray, " kept"]:
    # Evenly spaced positions over the flattened chains, so that each chain keeps its share.
    kept = np.linspace(0, values.size - 1, min(values.size, MAX_DRAWS)).round().astype(int)
    return values[kept]


def _true_scalars(data: DataSet, parameters: list[str]) -> Float[np.ndarray, " parameter"]:
    if data.theta is None:
        return np.full(len(parameters), np.nan)
    known = {name: np.asarray(values, dtype=float)[None, None] for name, values in data.theta.items()}
    as_one_draw = Posterior(known, unconstrained=np.empty((1, 1, 0)), log_p=np.empty((1, 1)), memberships={})
    scalars = as_one_draw.scalars()
    return np.array([scalars[name].item() if name in scalars else np.nan for name in parameters])
