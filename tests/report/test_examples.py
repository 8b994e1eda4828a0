from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from pipeline.errors import UserError
from pipeline.posterior import Posterior
from pipeline.report.examples import MAX_DRAWS, MAX_OBS, ExampleInput, read_examples, write_examples
from pipeline.scenarios.base import DataSet


def _posterior(
    rng: np.random.Generator, n_draws: int, n_obs: int, *, with_memberships: bool = True
) -> Posterior:
    draws = {"a11": rng.normal(size=(4, n_draws)), "mu": rng.normal(size=(4, n_draws, 2))}
    memberships = {"filtering": rng.dirichlet([1, 1], size=(3, n_obs))} if with_memberships else {}
    return Posterior(draws, rng.normal(size=(4, n_draws, 3)), rng.normal(size=(4, n_draws)), memberships)


def test_what_is_written_is_read_again(tmp_path: Path):
    rng = np.random.default_rng(1)
    n_obs = 7
    reference, other = _posterior(rng, 50, n_obs), _posterior(rng, 20, n_obs, with_memberships=False)
    theta = {"a11": np.asarray(0.8), "mu": np.array([-1.0, 2.0])}
    data = DataSet(y=rng.normal(size=(n_obs, 3)), theta=theta, z=np.array([0, 1, 0, 1, 1, 0, 0]))
    file = tmp_path / "examples.nc"
    write_examples(
        file,
        {"hmm-ordered": ExampleInput(3, "hmm", data, data.y.mean(axis=1), reference, {"laplace": other})},
    )
    example = read_examples(file)["hmm-ordered"]
    assert (example.dataset, example.family, example.all_obs) == (3, "hmm", n_obs)
    assert example.sources == ("reference", "laplace")
    assert example.parameters == ("a11", "mu[1]", "mu[2]")
    np.testing.assert_array_equal(example.truth, [0.8, -1.0, 2.0])
    np.testing.assert_array_equal(example.true_component, data.z)
    np.testing.assert_allclose(example.observed, data.y.mean(axis=1))
    np.testing.assert_allclose(
        example.draws[0, 2, :200], reference.parameters["mu"][..., 1].ravel(), rtol=1e-6
    )
    np.testing.assert_allclose(example.draws[1, 0, :80], other.parameters["a11"].ravel(), rtol=1e-6)
    assert np.isnan(example.draws[1, 0, 80:]).all()
    np.testing.assert_allclose(
        example.memberships["filtering"][0], reference.memberships["filtering"].mean(axis=0), rtol=1e-6
    )
    assert np.isnan(example.memberships["filtering"][1]).all()


def test_draws_are_thinned_evenly_over_chains_and_long_series_are_cut(tmp_path: Path):
    n_draws = 1000
    chains = np.repeat(np.arange(4.0)[:, None], n_draws, axis=1)
    n_obs = MAX_OBS + 50
    posterior = Posterior(
        {"chain": chains}, chains[..., None], chains, {"membership": np.full((2, n_obs, 2), 0.5)}
    )
    data = DataSet(y=np.zeros((n_obs, 1)))
    write_examples(
        tmp_path / "e.nc", {"x": ExampleInput(0, "mixture", data, data.y.mean(axis=1), posterior, {})}
    )
    example = read_examples(tmp_path / "e.nc")["x"]
    assert example.draws.shape == (1, 1, MAX_DRAWS)
    assert np.unique(example.draws[0, 0], return_counts=True)[1].tolist() == [MAX_DRAWS / 4] * 4
    assert example.memberships["membership"].shape[1] == example.observed.size == MAX_OBS
    assert example.all_obs == n_obs
    assert np.isnan(example.truth).all()
    assert (example.true_component == -1).all()


def test_examples_of_a_run_from_before_sizes_were_kept_are_read(tmp_path: Path):
    data = DataSet(y=np.zeros((3, 1)))
    posterior = Posterior({"mu": np.zeros((1, 4, 1))}, np.zeros((1, 4, 1)), np.zeros((1, 4)), {})
    tree = ExampleInput(0, "mixture", data, np.zeros(3), posterior, {}, sizes=[3])
    write_examples(tmp_path / "new.nc", {"x": tree})
    assert read_examples(tmp_path / "new.nc")["x"].sizes.tolist() == [3]
    older = xr.load_dataset(tmp_path / "new.nc", group="x", engine="h5netcdf").drop_vars("sizes")
    older.to_netcdf(tmp_path / "old.nc", group="x", engine="h5netcdf")
    assert read_examples(tmp_path / "old.nc")["x"].sizes.size == 0


def test_no_examples_are_no_obstacle(tmp_path: Path):
    write_examples(tmp_path / "e.nc", {})
    assert read_examples(tmp_path / "e.nc") == {}


def test_a_damaged_file_is_named(tmp_path: Path):
    file = tmp_path / "examples.nc"
    file.write_bytes(b"not a NetCDF file")
    with pytest.raises(UserError, match=r"examples\.nc: cannot be read"):
        read_examples(file)
