"""The VAE: every image by itself, with no memory."""

import numpy as np
import pytest
import tensorflow as tf

from tests.models.tiny_models import BATCH, ENCODER, LENGTH, MODELS, vae


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


def test_latents_of_a_map_are_those_of_all_its_cells(episode, seeds):
    model = MODELS["vae_of_maps"]()
    mean, stddev = map(np.float64, model.latent_posterior(model.embed(episode)))
    assert mean.shape == (BATCH, LENGTH, 2, 2, 3)
    kl = (mean**2 + stddev**2 - 1) / 2 - np.log(stddev)
    got = model.elbo(episode, seeds).kl_latents
    np.testing.assert_allclose(got, kl.sum(axis=(2, 3, 4)), rtol=1e-4)
    decoded = model.likelihood.mean(
        model.decode(mean.reshape(BATCH, LENGTH, 12).astype(np.float32)), 1
    )
    np.testing.assert_allclose(
        model.refine(model.write(episode), episode), decoded, atol=1e-5
    )
