"""Addressing by a categorical variable against enumeration and Monte Carlo."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from kpp_tf.models.baselines import categorical_address as va


def _log_softmax(x):
    return x - special.logsumexp(x, axis=-1, keepdims=True)


def test_support_leaves_out_what_is_not_occupied():
    support = va.support_of(tf.constant([[1.0, 1.0, 0.0]]), 3)
    np.testing.assert_array_equal(support[0], [[True, True, False]] * 3)


def test_prior_is_uniform_over_the_support():
    support = tf.constant([[True, False, True, True]])
    np.testing.assert_allclose(
        np.exp(va.uniform_log_prob(support)), [[1 / 3, 0, 1 / 3, 1 / 3]], rtol=1e-6
    )


def test_sampled_addresses_have_the_right_frequencies():
    probabilities = np.array([0.5, 0.0, 0.2, 0.3, 0.0])
    with np.errstate(divide="ignore"):
        log_q = np.maximum(np.log(probabilities), -1e9)
    draws = 20_000
    uniforms = tf.random.stateless_uniform([1, draws], seed=[1, 2])
    addresses = va.sample_addresses(tf.constant(log_q[None], tf.float32), uniforms)
    counts = np.bincount(addresses[0], minlength=5)
    assert counts[1] == counts[4] == 0
    used = probabilities > 0
    p_value = stats.chisquare(counts[used], draws * probabilities[used]).pvalue
    assert p_value > 1e-3


def test_the_largest_uniform_names_a_slot():
    # Sums of 64 rounded probabilities lie on both sides of 1.
    log_q = tf.math.log_softmax(tf.random.stateless_normal([2000, 64], seed=[3, 4]))
    totals = np.sum(np.exp(log_q), axis=-1, dtype=np.float32)
    assert totals.min() < 1 < totals.max()
    uniforms = tf.fill([2000, 1], np.nextafter(np.float32(1), np.float32(0)))
    addresses = va.sample_addresses(log_q, uniforms)
    assert np.all(addresses >= 0) and np.all(addresses < 64)


def test_vimco_value_is_the_importance_weighted_bound():
    random = np.random.default_rng(2)
    log_q, log_p, log_likelihood, ratio = random.standard_normal((4, 2, 3, 5))
    terms = va.vimco_terms(
        *(tf.constant(x, tf.float32) for x in (log_q, log_p, log_likelihood, ratio))
    )
    log_w = log_likelihood - ratio + log_p - log_q
    expected = special.logsumexp(log_w, axis=-1) - np.log(5)
    got = -terms.bound
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_vimco_baseline_is_the_others_geometric_mean():
    # The score-function part alone: the gradient for ln q where ln w does not move.
    log_w = np.random.default_rng(4).standard_normal((1, 1, 4)) * 3
    log_q = tf.zeros([1, 1, 4])
    with tf.GradientTape() as tape:
        tape.watch(log_q)
        # ln p = ln q keeps ln w = ln p(x|z, m) fixed.
        terms = va.vimco_terms(
            log_q, log_q, tf.constant(log_w, tf.float32), tf.zeros_like(log_q)
        )
        bound = -terms.bound
    got = tape.gradient(bound, log_q)[0, 0]
    for k in range(4):
        replaced = log_w[0, 0].copy()
        replaced[k] = np.delete(replaced, k).mean()
        signal = special.logsumexp(log_w) - special.logsumexp(replaced)
        np.testing.assert_allclose(got[k], signal, rtol=1e-4)


def test_vimco_gradient_has_the_expectation_of_the_exact_one():
    # q = softmax(logits) over 4 slots, K = 2: E[L] and its gradient by enumeration.
    random = np.random.default_rng(3)
    slots, num_samples, draws = 4, 2, 200_000
    logits = tf.constant(random.standard_normal(slots), tf.float32)
    log_joint = tf.constant(random.standard_normal(slots) * 2, tf.float32)
    log_p = tf.fill([slots], -np.log(slots).astype(np.float32))

    with tf.GradientTape() as tape:
        tape.watch(logits)
        log_q = tf.math.log_softmax(logits)
        log_w = log_joint + log_p - log_q
        pairs = tf.reduce_logsumexp(
            tf.stack(
                [
                    tf.broadcast_to(log_w[:, None], [slots, slots]),
                    tf.broadcast_to(log_w[None, :], [slots, slots]),
                ]
            ),
            axis=0,
        ) - np.log(2)
        q = tf.exp(log_q)
        expected_bound = tf.reduce_sum(q[:, None] * q[None, :] * pairs)
    exact = tape.gradient(expected_bound, logits).numpy()

    uniforms = tf.random.stateless_uniform([draws, 1, num_samples], seed=[5, 6])
    with tf.GradientTape() as tape:
        rows = tf.tile(logits[None, None], [draws, 1, 1])
        tape.watch(rows)
        log_q = tf.math.log_softmax(rows)
        drawn = va.sample_addresses(log_q, uniforms)
        take = lambda x: tf.gather(x, drawn)  # noqa: E731
        terms = va.vimco_terms(
            tf.gather(log_q, drawn, batch_dims=2),
            take(log_p),
            take(log_joint),
            tf.zeros_like(uniforms),
        )
        bound = -terms.bound
    gradients = tape.gradient(bound, rows).numpy()[:, 0]
    error = gradients.std(axis=0) / np.sqrt(draws)
    assert np.all(np.abs(gradients.mean(axis=0) - exact) < 4 * error)
    # The error bar is small against the gradient: the test can tell.
    assert np.all(error < 0.02 * np.abs(exact).max())
    np.testing.assert_allclose(
        bound.numpy().mean(), expected_bound, atol=4 * bound.numpy().std() / draws**0.5
    )


def test_vimco_needs_two_samples():
    one = tf.zeros([1, 1, 1])
    with pytest.raises(ValueError, match=r"at least 2 .* Received: .*\(1, 1, 1\)"):
        va.vimco_terms(one, one, one, one)


def _layer_inputs():
    embeddings = tf.random.stateless_normal([2, 3, 6], seed=[1, 1])
    items = tf.random.stateless_normal([2, 4, 5], seed=[2, 2])
    support = tf.constant([[[True, True, True, False]]] * 2)
    return embeddings, items, tf.repeat(support, 3, axis=1)


def test_posterior_equals_numpy_and_respects_the_support():
    embeddings, items, support = _layer_inputs()
    layer = va.VariationalAddressing(key_size=3)
    log_q = layer(embeddings, items, support).numpy()
    queries = np.float64(layer.query_projection(embeddings))
    keys = np.float64(layer.item_projection(items))
    queries /= np.linalg.norm(queries, axis=-1, keepdims=True)
    keys /= np.linalg.norm(keys, axis=-1, keepdims=True)
    logits = 10.0 * np.einsum("btk,bsk->bts", queries, keys)[..., :3]
    np.testing.assert_allclose(log_q[..., :3], _log_softmax(logits), atol=1e-5)
    assert np.all(np.exp(log_q[..., 3]) == 0)
