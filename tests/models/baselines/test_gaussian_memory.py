"""KM and DKM: how the KL of the memory counts, and KLs by samples."""

import numpy as np
import pytest
import tensorflow as tf

from kpp_tf import noise
from kpp_tf.errors import UserError
from tests.models import tiny_models


@pytest.fixture(params=[tiny_models.dkm, tiny_models.km], ids=["dkm", "km"])
def make(request):
    return request.param


def test_memory_kl_is_shared_among_real_images(make, episode, seeds):
    model = make(memory_kl=True)
    mask = tf.constant([[1.0] * 5, [1.0] * 3 + [0.0] * 2, [1.0] + [0.0] * 4])
    terms = model.elbo(episode, seeds, mask=mask)
    total = model.memory.kl_memory(model.write(episode, mask))
    np.testing.assert_allclose(tf.reduce_sum(terms.kl_memory, axis=1), total, rtol=1e-5)
    assert np.all(total > 0)


def test_memory_kl_can_be_left_out(make, episode, seeds):
    model = make(memory_kl=True)
    without = make()  # by the same seeds: the same weights
    counted, free = (m.elbo(episode, seeds) for m in (model, without))
    assert np.all(free.kl_memory == 0)
    np.testing.assert_allclose(free.bound, counted.bound - counted.kl_memory, rtol=1e-4)


def test_sampled_kls_average_to_the_analytic_ones(make, episode):
    """With the memory at its mean in both, over 200 seeds, within four errors."""
    model = make()
    count = 200
    episodes = tf.repeat(episode[:1], count, axis=0)
    seeds = noise.row_seeds(tf.constant([3, 7]), count)
    memory = model.write(episodes)
    memory = memory._replace(scale=tf.zeros_like(memory.scale))  # a draw is its mean
    exact = model.elbo(episodes, seeds, memory=memory)
    sampled = model.elbo(episodes, seeds, memory=memory, analytic=False)
    np.testing.assert_array_equal(exact.log_likelihood, sampled.log_likelihood)
    for a, b in (
        (exact.kl_keys, sampled.kl_keys),
        (exact.kl_latents, sampled.kl_latents),
    ):
        difference = np.mean(a - b, axis=1)
        error = difference.std(ddof=1) / np.sqrt(count)
        assert np.abs(difference.mean()) <= 4 * error


def test_a_code_that_fills_no_map_is_refused(make):
    with pytest.raises(UserError, match="multiple of the 4 cells.*code_size=10"):
        make(**tiny_models.OF_MAPS)
