"""Files of posteriors and data sets give back what was written, padding removed."""

import numpy as np
import pytest

from pipeline.files import fingerprint, whole
from pipeline.labels.runs import Labels
from pipeline.posterior import Posterior, Proposal
from pipeline.posterior_io import read_data_sets, read_posteriors, write_data_sets, write_posteriors
from pipeline.scenarios.base import DataSet


def make_labels(rng, n_obs):
    return Labels(
        axes={"mu": (0,)},
        permutations={name: rng.permuted(np.tile([0, 1, 2], (2, 6, 1)), axis=2) for name in ("a", "b")},
        wall_s={"a": 0.5, "b": 0.25},
        together=rng.random((2, 6)),
        observed=np.arange(n_obs)[::-1].copy(),
        coclustering=rng.random((4, n_obs, n_obs)),
    )


def make_posterior(seed, n_obs, with_proposal):
    rng = np.random.default_rng(seed)
    proposal = None
    if with_proposal:
        proposal = Proposal(rng.normal(size=7), rng.normal(size=7), rng.normal(size=(2, 12)))
    return Posterior(
        parameters={"mu": rng.normal(size=(2, 6, 3)), "sd": rng.normal(size=(2, 6))},
        unconstrained=rng.normal(size=(2, 6, 4)),
        log_p=rng.normal(size=(2, 6)),
        memberships={"filtering": rng.random((5, n_obs, 2)), "smoothing": rng.random((5, n_obs, 2))},
        proposal=proposal,
        labels=make_labels(rng, n_obs) if with_proposal else None,
    )


@pytest.mark.parametrize("with_proposal", [False, True])
def test_posteriors_round_trip_with_unequal_sizes(tmp_path, with_proposal):
    written = {0: make_posterior(0, 5, with_proposal), 3: make_posterior(1, 9, with_proposal)}
    write_posteriors(tmp_path / "draws.nc", written)
    read = read_posteriors(tmp_path / "draws.nc")
    assert set(read) == {0, 3}
    for i, one in written.items():
        np.testing.assert_array_equal(read[i].unconstrained, one.unconstrained)
        np.testing.assert_array_equal(read[i].log_p, one.log_p)
        for name in one.parameters:
            np.testing.assert_array_equal(read[i].parameters[name], one.parameters[name])
        for kind in one.memberships:
            np.testing.assert_array_equal(read[i].memberships[kind], one.memberships[kind])
        assert (read[i].proposal is None) == (not with_proposal)
        assert (read[i].labels is None) == (one.labels is None)
        if one.labels is not None:
            assert (read[i].labels.axes, read[i].labels.wall_s) == (one.labels.axes, one.labels.wall_s)
            np.testing.assert_equal(read[i].labels.permutations, one.labels.permutations)
            np.testing.assert_array_equal(read[i].labels.observed, one.labels.observed)
            np.testing.assert_array_equal(read[i].labels.together, one.labels.together)
            np.testing.assert_allclose(read[i].labels.coclustering, one.labels.coclustering, atol=1e-7)
        if one.proposal is not None:
            np.testing.assert_array_equal(read[i].proposal.log_q_reference, one.proposal.log_q_reference)


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
