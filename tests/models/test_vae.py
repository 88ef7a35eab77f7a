"""The VAE: every image by itself, with no memory."""

import numpy as np
import pytest
import tensorflow as tf

from tests.models.tiny_models import BATCH, ENCODER, vae


def test_ignores_memory_and_neighbours(episode, seeds):
    model = vae()
    assert model.write(episode).shape == (BATCH, 0) and model.memory_floats == 0
    changed = tf.concat([episode[:, :1], 1.0 - episode[:, 1:]], axis=1)
    np.testing.assert_allclose(
        model.elbo(episode, seeds).bound[:, 0],
        model.elbo(changed, seeds).bound[:, 0],
        rtol=1e-5,
    )
    with pytest.raises(ValueError, match="Received: shift='causal'"):
        vae(encoder={**ENCODER, "shift": "causal"})
