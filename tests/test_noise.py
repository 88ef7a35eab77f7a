"""Noise a row at a time: its law, and what it depends on."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from kpp_tf import noise
from kpp_tf.errors import UserError

SHAPE = (5, 3)
DRAWS = {"normal": noise.normal, "uniform": noise.uniform}


@pytest.fixture(scope="module", params=DRAWS)
def draw(request):
    return DRAWS[request.param]


def test_rows_have_their_own_seeds():
    seeds = noise.row_seeds([3, 4], 50).numpy()
    assert seeds.shape == (50, 2) and seeds.dtype == np.int32
    assert len(np.unique(seeds, axis=0)) == 50
    # A row's seed depends on its number, not on how many rows there are.
    np.testing.assert_array_equal(seeds[:7], noise.row_seeds([3, 4], 7))
    assert np.all(np.any(seeds != noise.row_seeds([3, 5], 50).numpy(), axis=1))


@pytest.mark.parametrize(
    ("seeds", "received"),
    [
        ([1, 2], r"int32 \(2,\)"),
        ([[1, 2, 3]], r"int32 \(1, 3\)"),
        (5, r"int32 \(\)"),
        ([[1.0, 2.0]], "float32"),
    ],
)
def test_what_is_no_seed_a_row_is_refused(draw, seeds, received):
    for use in (
        lambda: draw(seeds, SHAPE, 1),
        lambda: noise.fold_in(seeds, 1),
        lambda: noise.checked(seeds, 1),
    ):
        with pytest.raises(UserError, match=rf"row_seeds.*Received: {received}"):
            use()


def test_seeds_for_another_batch_are_refused():
    with pytest.raises(UserError, match=r"int32 \[3, 2\].*Received: int32 \(2, 2\)"):
        noise.checked(noise.row_seeds([0, 1], 2), 3)


def test_normal_is_standard_normal():
    drawn = noise.normal(noise.row_seeds([1, 2], 40), (500,), salt=1).numpy()
    assert stats.kstest(drawn.ravel(), "norm").pvalue > 1e-3
    assert stats.kstest(drawn.mean(axis=1) * 500**0.5, "norm").pvalue > 1e-3


def test_uniform_is_uniform_below_one():
    drawn = noise.uniform(noise.row_seeds([1, 2], 40), (500,), salt=1).numpy()
    assert drawn.min() >= 0 and drawn.max() < 1
    assert stats.kstest(drawn.ravel(), "uniform").pvalue > 1e-3


def test_a_row_depends_on_its_seed_alone(draw):
    seeds = noise.row_seeds([1, 2], 4).numpy()
    drawn = draw(seeds, SHAPE, salt=1).numpy()
    order = [2, 0, 3, 1]
    np.testing.assert_array_equal(draw(seeds[order], SHAPE, salt=1), drawn[order])
    np.testing.assert_array_equal(draw(seeds[2:3], SHAPE, salt=1), drawn[2:3])
    np.testing.assert_array_equal(draw(seeds[[1, 1]], SHAPE, salt=1)[0], drawn[1])
    assert not np.any(np.isclose(drawn[0], drawn[1], atol=1e-6))


def test_salts_are_independent_streams(draw):
    seeds = noise.row_seeds([1, 2], 20)
    one, two = (draw(seeds, (200,), salt=salt).numpy().ravel() for salt in (1, 2))
    assert abs(np.corrcoef(one, two)[0, 1]) < 4 / one.size**0.5


def test_same_seed_gives_the_same_bits_in_a_graph(draw):
    seeds = noise.row_seeds([1, 2], 3)

    @tf.function
    def graph(seeds, length):
        return draw(seeds, (length, 3), 1)

    drawn = graph(seeds, tf.constant(5))
    assert drawn.shape == (3, 5, 3) and drawn.dtype == tf.float32
    np.testing.assert_array_equal(drawn, draw(seeds, SHAPE, 1))
