"""Work in parts gives what the whole gives."""

import jax.random as jr
import numpy as np
import pytest

from pipeline.amortized.parts import in_parts


@pytest.mark.parametrize("most", [0, 1, 4, 6, 7, 100])
def test_parts_make_the_whole(most):
    rows = jr.normal(jr.key(0), (7, 2, 3))
    seen = []

    def function(some):
        seen.append(len(some))
        return {"sums": some.sum(-1), "itself": some}

    found = in_parts(function, rows, most)
    np.testing.assert_allclose(found["sums"], rows.sum(-1), rtol=1e-6)
    np.testing.assert_array_equal(found["itself"], rows)
    assert max(seen) <= max(1, most)
