"""What the contract itself promises: checks of episodes and masks, and its terms."""

import numpy as np
import pytest
import tensorflow as tf

from kpp_tf import models
from kpp_tf.errors import UserError

SHAPE = (8, 8, 1)


class _Constant(models.MemoryModel):
    """The smallest model: no memory, a bound that is the image's sum."""

    memory_floats = 0

    def write(self, episode, mask=None, written=None):
        return tf.zeros([tf.shape(self.check_episode(episode))[0], 0])

    def elbo(self, episode, seeds, mask=None, written=None, memory=None, analytic=True):
        total = tf.reduce_sum(self.check_episode(episode), axis=[2, 3, 4])
        return models.Elbo(-total, total, 2 * total, 4 * total)

    def generate(self, memory, num_samples, seeds, temperature=None):
        raise NotImplementedError

    reconstruct = refine = generate


@pytest.fixture(scope="module")
def model():
    return _Constant(
        image_shape=SHAPE,
        likelihood="bernoulli",
        episode_length=3,
        encoder={"widths": (8,), "blocks": (1,)},
        decoder={"widths": (8,), "blocks": (1,), "head_stride": 4, "hidden": 0},
    )


def _episode(**changes):
    values = {"shape": (2, 3, *SHAPE), "fill": 0.5, "dtype": np.float32, **changes}
    return np.full(values["shape"], values["fill"], values["dtype"])


@pytest.mark.parametrize(
    ("episode", "message"),
    [
        (_episode(shape=(3, *SHAPE)), r"\(8, 8, 1\). Received: shape \(3, 8, 8, 1\)"),
        (_episode(shape=(2, 3, 9, 8, 1)), r"Received: shape \(2, 3, 9, 8, 1\)"),
        (_episode(shape=(2, 3, 8, 8, 3)), r"Received: shape \(2, 3, 8, 8, 3\)"),
        (_episode(fill=200, dtype=np.uint8), "divide uint8 .*Received: dtype uint8"),
        (_episode(fill=1, dtype=np.int64), "floating point.*Received: dtype int64"),
        (_episode(fill=1.5), r"in \[0, 1\]. Received: values from 1.5 to 1.5"),
        (_episode(fill=-0.25), r"Received: values from -0.25"),
        (_episode(fill=np.nan), "Received: values from nan to nan"),
        (_episode(fill=np.inf), "Received: values from inf to inf"),
    ],
)
def test_bad_episodes_are_named(model, episode, message):
    with pytest.raises(ValueError, match=message):
        model.check_episode(episode)


def test_one_bad_pixel_is_found(model):
    for value in (np.nan, -1e-3, 1.001):
        episode = _episode()
        episode[1, 2, 3, 4, 0] = value
        with pytest.raises(ValueError, match=r"numbers in \[0, 1\]. Received"):
            model.check_episode(episode)


def test_shapes_are_checked_in_a_graph(model):
    graph = tf.function(model.check_episode)
    with pytest.raises(UserError, match=r"Received: shape \(2, 3, 9, 9, 1\)"):
        graph(tf.zeros([2, 3, 9, 9, 1]))
    unknown = tf.function(
        model.check_episode, input_signature=[tf.TensorSpec([None] * 5, tf.float32)]
    )
    assert unknown(tf.zeros([2, 3, *SHAPE])).shape == (2, 3, *SHAPE)
    with pytest.raises(tf.errors.InvalidArgumentError):
        unknown(tf.zeros([2, 3, 9, 9, 1]))


FRAMES = [[1, 0, 1], [1, 1, 0]]


@pytest.mark.parametrize("name", ["mask", "written"])
@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (np.ones((2, 4)), r"\[B, T\] = \(2, 3\). Received: shape \(2, 4\)"),
        (np.ones(3), r"Received: shape \(3,\)"),
        (np.ones((2, 3, 1)), r"Received: shape \(2, 3, 1\)"),
        (np.full((2, 3), 0.5), r"0 and 1 alone. Received: \[0.5\]"),
        (np.full((2, 3), np.nan), r"0 and 1 alone. Received: \[nan\]"),
        (-np.ones((2, 3)), r"Received: \[-1.\]"),
    ],
)
def test_bad_masks_are_named(model, name, frames, message):
    with pytest.raises(UserError, match=f"^{name} must .*{message}"):
        model.check_written(_episode(), **{name: frames})


def test_padding_is_never_written(model):
    with pytest.raises(UserError, match=r"Received: written=1 with mask=0 at \[0 1\]"):
        model.check_written(_episode(), FRAMES, np.ones((2, 3)))
    # In a graph, where no value is known, it is left out.
    graph = tf.function(model.check_written)
    np.testing.assert_array_equal(graph(_episode(), FRAMES, np.ones((2, 3))), FRAMES)


def test_written_defaults_to_the_mask(model):
    assert model.check_written(_episode()) is None
    for masks in ((FRAMES, None), (None, FRAMES), (np.ones((2, 3)), FRAMES)):
        written = model.check_written(_episode(), *masks)
        assert written.dtype == tf.float32
        np.testing.assert_array_equal(written, FRAMES)


def test_masked_terms_are_zero():
    ones = tf.ones([2, 3])
    terms = models.Elbo.masked(FRAMES, ones, kl_keys=2 * ones)
    np.testing.assert_array_equal(terms.log_likelihood, FRAMES)
    np.testing.assert_array_equal(terms.kl_keys, 2 * np.array(FRAMES))
    assert np.all(terms.kl_latents == 0) and np.all(terms.kl_memory == 0)


def test_a_good_episode_is_returned_as_it_is(model):
    for fill in (0.0, 0.5, 1.0):
        episode = _episode(fill=fill)
        np.testing.assert_array_equal(model.check_episode(episode), episode)


def test_bound_is_the_sum_of_its_terms(model):
    terms = model.elbo(_episode(fill=1.0), None)
    # 64 = log-likelihood * -1, and 64 * (1 + 2 + 4) of KLs.
    np.testing.assert_array_equal(terms.bound, np.full((2, 3), 64 * 8.0))
    np.testing.assert_array_equal(model(_episode(fill=1.0)), terms.bound)
