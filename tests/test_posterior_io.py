"""Files of posteriors and data sets give back what was written, padding removed."""

import numpy as np
import pytest
import xarray as xr

from pipeline.errors import UserError
from pipeline.files import fingerprint, whole
from pipeline.labels.runs import Labels
from pipeline.posterior import Posterior, Proposal
from pipeline.posterior_io import (
    join_posteriors,
    load_posterior,
    read_data_sets,
    read_posteriors,
    save_posterior,
    write_data_sets,
    write_posteriors,
)
from pipeline.scenarios.base import DataSet


def make_labels(rng, n_obs, n_batches):
    return Labels(
        axes={"mu": (0,)},
        permutations={name: rng.permuted(np.tile([0, 1, 2], (2, 6, 1)), axis=2) for name in ("a", "b")},
        wall_s={"a": 0.5, "b": 0.25},
        together=rng.random((2, 6)),
        observed=np.arange(n_obs)[::-1].copy(),
        coclustering=rng.random((n_batches, n_obs, n_obs)),
    )


def make_posterior(seed, n_obs, with_proposal):
    rng = np.random.default_rng(seed)
    n_batches = 4 + seed  # resampled draws come in batches of unequal numbers
    proposal = None
    if with_proposal:
        proposal = Proposal(rng.normal(size=7), rng.normal(size=7), rng.normal(size=(2, 12)))
    return Posterior(
        parameters={"mu": rng.normal(size=(2, 6, 3)), "sd": rng.normal(size=(2, 6))},
        unconstrained=rng.normal(size=(2, 6, 4)),
        log_p=rng.normal(size=(2, 6)),
        memberships={kind: rng.random((n_batches, n_obs, 2)) for kind in ("filtering", "smoothing")},
        proposal=proposal,
        labels=make_labels(rng, n_obs, n_batches) if with_proposal else None,
    )


def assert_same(read, written):
    """Compare posteriors; co-clustering is kept in single precision."""
    np.testing.assert_array_equal(read.unconstrained, written.unconstrained)
    np.testing.assert_array_equal(read.log_p, written.log_p)
    assert read.parameters.keys() == written.parameters.keys()
    for name, draws in written.parameters.items():
        np.testing.assert_array_equal(read.parameters[name], draws)
    assert read.memberships.keys() == written.memberships.keys()
    for kind, batches in written.memberships.items():
        np.testing.assert_array_equal(read.memberships[kind], batches)
    assert (read.proposal is None) == (written.proposal is None)
    if written.proposal is not None:
        for name in ("log_p", "log_q", "log_q_reference"):
            np.testing.assert_array_equal(getattr(read.proposal, name), getattr(written.proposal, name))
    assert (read.labels is None) == (written.labels is None)
    if written.labels is not None:
        assert (read.labels.axes, read.labels.wall_s) == (written.labels.axes, written.labels.wall_s)
        np.testing.assert_equal(read.labels.permutations, written.labels.permutations)
        np.testing.assert_array_equal(read.labels.observed, written.labels.observed)
        np.testing.assert_array_equal(read.labels.together, written.labels.together)
        np.testing.assert_allclose(read.labels.coclustering, written.labels.coclustering, atol=1e-7)


@pytest.mark.parametrize("with_proposal", [False, True])
def test_posteriors_round_trip_with_unequal_sizes(tmp_path, with_proposal):
    written = {0: make_posterior(0, 5, with_proposal), 3: make_posterior(1, 9, with_proposal)}
    write_posteriors(tmp_path / "draws.nc", written)
    read = read_posteriors(tmp_path / "draws.nc")
    assert list(read) == [0, 3]
    for i, one in written.items():
        assert_same(read[i], one)
        save_posterior(tmp_path / "one.npz", one)
        assert_same(load_posterior(tmp_path / "one.npz"), one)


def test_some_data_sets_are_read_without_the_others(tmp_path):
    written = {i: make_posterior(i, 4 + i, True) for i in range(5)}
    write_posteriors(tmp_path / "draws.nc", written)
    read = read_posteriors(tmp_path / "draws.nc", {3, 1, 7})
    assert list(read) == [1, 3]
    for i, one in read.items():
        assert_same(one, written[i])
    assert read_posteriors(tmp_path / "draws.nc", {7}) == {}


def test_joined_files_hold_what_one_file_would(tmp_path):
    """Of unequal lengths, with a part that holds nothing and one whose data sets have no density."""
    written = {i: make_posterior(i, 9 - i, with_proposal=i < 3) for i in range(5)}
    parts = [{0: written[0]}, {}, {i: written[i] for i in (1, 2)}, {i: written[i] for i in (3, 4)}]
    files = [tmp_path / f"{number}.nc" for number in range(len(parts))]
    for file, part in zip(files, parts, strict=True):
        write_posteriors(file, part)
    join_posteriors(tmp_path / "joined.nc", files)
    write_posteriors(tmp_path / "whole.nc", written)
    joined, whole_file = read_posteriors(tmp_path / "joined.nc"), read_posteriors(tmp_path / "whole.nc")
    assert list(joined) == list(whole_file) == [0, 1, 2, 3, 4]
    for i, one in written.items():
        assert_same(joined[i], one)
    for group in ("posterior", "unconstrained_posterior", "sample_stats", "membership", "proposal"):
        tables = [
            xr.load_dataset(tmp_path / f"{name}.nc", group=group, engine="h5netcdf")
            for name in ("joined", "whole")
        ]
        xr.testing.assert_identical(*tables)


def test_runs_with_fewer_chains_or_draws_lose_their_padding(tmp_path):
    """A method that falls back on NUTS has four chains where it did, and one elsewhere."""
    rng = np.random.default_rng(0)
    written = {}
    for i, shape in enumerate([(1, 8), (4, 6)]):
        draws = rng.normal(size=(*shape, 2))
        written[i] = Posterior(
            {"x": draws}, draws, rng.normal(size=shape), {"membership": rng.random((3, 4, 2))}
        )
    write_posteriors(tmp_path / "draws.nc", written)
    for i, one in read_posteriors(tmp_path / "draws.nc").items():
        assert_same(one, written[i])


def test_a_proposal_may_be_missing_for_some_data_sets(tmp_path):
    write_posteriors(tmp_path / "d.nc", {0: make_posterior(0, 5, True), 1: make_posterior(1, 5, False)})
    read = read_posteriors(tmp_path / "d.nc")
    assert read[0].proposal is not None and read[1].proposal is None


def test_no_posterior_at_all_is_a_valid_file(tmp_path):
    write_posteriors(tmp_path / "draws.nc", {})
    assert read_posteriors(tmp_path / "draws.nc") == {}


def test_arviz_reads_the_file(tmp_path):
    az = pytest.importorskip("arviz")
    write_posteriors(tmp_path / "draws.nc", {0: make_posterior(0, 5, True)})
    inference = az.from_netcdf(tmp_path / "draws.nc", engine="h5netcdf")
    assert inference.posterior["mu"].dims == ("dataset", "chain", "draw", "mu_dim_0")


def test_data_sets_round_trip(tmp_path):
    rng = np.random.default_rng(0)
    simulated = [
        DataSet(
            rng.normal(size=(n, r)), {"mu": rng.normal(size=2), "sd": np.array(1.5)}, rng.integers(0, 2, n)
        )
        for n, r in [(4, 2), (6, 3)]
    ]
    write_data_sets(tmp_path / "data.nc", simulated)
    for i, one in read_data_sets(tmp_path / "data.nc").items():
        np.testing.assert_array_equal(one.y, simulated[i].y)
        np.testing.assert_array_equal(one.z, simulated[i].z)
        np.testing.assert_array_equal(one.theta["mu"], simulated[i].theta["mu"])
        assert one.theta["sd"] == 1.5
    write_data_sets(tmp_path / "real.nc", [DataSet(np.arange(3.0)[:, None])])
    real = read_data_sets(tmp_path / "real.nc")[0]
    assert real.theta is None and real.z is None and real.y.shape == (3, 1)


@pytest.mark.parametrize("keep", [0, 100, 3000])
@pytest.mark.parametrize("read", [read_posteriors, read_data_sets])
def test_a_damaged_file_is_named(tmp_path, read, keep):
    file = tmp_path / "damaged.nc"
    write_data_sets(file, [DataSet(y=np.ones((9, 1)))])
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(
        UserError, match=r"damaged\.nc: cannot be read \(.*remove it and give the same command"
    ):
        read(file)


def test_a_file_of_another_kind_is_named(tmp_path):
    file = tmp_path / "posteriors.nc"
    write_posteriors(file, {})
    with pytest.raises(UserError, match=r"posteriors\.nc: cannot be read"):
        read_data_sets(file)


def test_a_writer_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), whole(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_fingerprints_tell_contents_apart():
    a = {"y": np.arange(3.0), "n": 3}
    assert fingerprint(a, "x") == fingerprint({"n": 3, "y": np.arange(3.0)}, "x")
    assert fingerprint(a, "x") != fingerprint({"n": 3, "y": np.arange(3.0) + 1e-15}, "x")
    assert fingerprint("ab", "c") != fingerprint("a", "bc")
