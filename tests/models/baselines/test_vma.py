"""VMA: its bound against enumeration, exact and by VIMCO."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from kpp_tf import noise
from tests.models.tiny_models import BATCH, LENGTH, vma


def _log_normal(value, mean, stddev):
    return stats.norm.logpdf(value, mean, stddev).sum(-1)


def test_bound_equals_enumeration(episode, seeds):
    """Every address by itself, its KLs and Bernoulli likelihood in numpy."""
    model = vma()
    terms = model.elbo(episode, seeds)
    estimate = model.elbo(episode, seeds, analytic=False)
    embeddings = model.encoder(episode)
    items, occupied = model.write(episode)
    support = tf.ones([BATCH, LENGTH, LENGTH], tf.bool)
    log_q = np.float64(model.addressing(embeddings, items, support))
    draws = noise.normal(seeds, (LENGTH, LENGTH, 3), noise.Stream.LATENTS)
    bound = np.zeros((BATCH, LENGTH))
    log_weights = np.zeros((BATCH, LENGTH, LENGTH))
    for slot in range(LENGTH):
        item = tf.repeat(items[:, slot : slot + 1], LENGTH, axis=1)
        mean, stddev = model.latent_posterior(tf.concat([embeddings, item], -1))
        prior_mean, prior_stddev = model.latent_prior(item)
        latents = mean + stddev * draws[:, :, slot]
        logits = np.float64(model.decoder(tf.concat([latents, item], -1)))
        log_likelihood = np.sum(
            episode * logits - np.logaddexp(0, logits), axis=(2, 3, 4)
        )
        m, s, pm, ps, z = (
            np.float64(x) for x in (mean, stddev, prior_mean, prior_stddev, latents)
        )
        kl = np.sum(np.log(ps / s) + (s**2 + (m - pm) ** 2) / (2 * ps**2) - 0.5, -1)
        q = np.exp(log_q[..., slot])
        bound += q * (log_likelihood - kl - log_q[..., slot] + np.log(1 / LENGTH))
        ratio = _log_normal(z, m, s) - _log_normal(z, pm, ps)
        log_weights[..., slot] = log_likelihood - ratio - np.log(LENGTH)
    np.testing.assert_allclose(terms.bound, -bound, rtol=1e-4)
    evidence = special.logsumexp(log_weights, axis=-1)
    np.testing.assert_allclose(estimate.bound, -evidence, rtol=1e-4)
    assert np.all(occupied == 1)


def test_more_vimco_samples_come_closer_to_the_evidence(episode):
    """E[L_K] rises with K: the mean over seeds, with its error bar."""
    few, many = vma(address_samples=2), vma(address_samples=16)
    bounds = {2: [], 16: []}
    for number in range(30):
        row = noise.row_seeds(tf.constant([number, 0]), BATCH)
        bounds[2].append(tf.reduce_mean(few.elbo(episode, row).bound))
        bounds[16].append(tf.reduce_mean(many.elbo(episode, row).bound))
    difference = np.array(bounds[2]) - np.array(bounds[16])
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    assert difference.mean() > 2 * error


def test_vimco_takes_the_sampled_ratio_whatever_is_asked(episode, seeds):
    # A closed-form KL inside the logarithm would make its value no bound.
    model = vma(address_samples=3)
    np.testing.assert_array_equal(
        model.elbo(episode, seeds, analytic=True).bound,
        model.elbo(episode, seeds, analytic=False).bound,
    )


def test_wrong_arguments_say_what_to_do():
    with pytest.raises(ValueError, match=r"at least 2 \(VIMCO\)\. Received: 1"):
        vma(address_samples=1)
