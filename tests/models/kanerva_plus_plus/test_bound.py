"""K++'s bound against numpy, and against the likelihood itself."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from kpp_tf import noise
from kpp_tf.layers.block_memory.allocator import block_centres
from kpp_tf.models import Elbo
from kpp_tf.noise import Stream
from tests.models.kanerva_plus_plus import by_numpy
from tests.models.kanerva_plus_plus.tiny import (
    BATCH,
    LENGTH,
    SHAPE,
    WRITTEN,
    assert_terms,
    make_model,
    random_episode,
)


def _region(model, held, blocks, features, fullness, places):
    """Centre and half-width, each [B, T, K, 3], of every frame."""
    reader, count = model.reader, model.blocks_per_frame
    kernel, bias = (np.float64(w) for w in model.windows.head.get_weights())
    batch, length = held.shape
    filled = np.full((batch, length, 1), 1.0) * fullness[:, None, None]
    raw = np.concatenate([features, filled], axis=-1) @ kernel + bias
    raw = raw.reshape(batch, length, count, 4)
    end = (1 - reader.high) / 2
    scale = special.expit(raw[..., :1] + special.logit(1 - end))
    centre = np.concatenate([scale, places], axis=-1)
    half = np.logaddexp(0, raw[..., 1:] + np.log(np.expm1([end, 0.5, 0.5])))
    at = block_centres(reader.grid)[np.maximum(blocks, 0)]
    recalled = np.concatenate([np.full_like(at[..., :1], reader.low / 2), at], -1)
    flat = (1 - reader.finest) / 2 / reader.grid
    own = [reader.low / 2, flat, flat]
    if model.key_family == "gaussian":
        own = np.logaddexp(0, np.float64(model.windows.recall_width))
        own = own * [1, 1 / reader.grid, 1 / reader.grid]
    held = held[..., None, None] > 0
    return np.where(held, recalled, centre), np.where(held, own, half)


def _keys_and_kls(model, centre, half, seeds):
    """Keys [B, T, K, 3] drawn with the documented noise, KL and ln q - ln p [B, T]."""
    edges = np.clip([centre - half, centre + half], 1e-4, 1 - 1e-4)
    if model.key_family == "gaussian":
        mean = stats.norm.ppf(edges.mean(axis=0))
        spread = np.ptp(edges, axis=0) / 12**0.5
        stddev = np.minimum(spread / stats.norm.pdf(mean), 1)
        law = stats.norm(mean, stddev)
        keys = mean + stddev * noise.normal(seeds, mean.shape[1:], Stream.KEYS)
        kl = by_numpy.gaussian_kl(mean, stddev, 0, 1).sum(-1)
    else:
        law = stats.truncnorm(*stats.norm.ppf(edges))
        drawn = np.float64(noise.uniform(seeds, centre.shape[1:], Stream.KEYS))
        keys = stats.norm.ppf(edges[0] + (edges[1] - edges[0]) * drawn)
        kl = -np.log(edges[1] - edges[0]).sum((-1, -2))
    log_ratio = np.sum(law.logpdf(keys) - stats.norm.logpdf(keys), axis=(-1, -2))
    return keys, kl, log_ratio


def _expected(model, episode, seeds, written):
    """Terms of the bound, and those whose KLs are one-sample estimates."""
    reader, count, side = model.reader, model.blocks_per_frame, model.block_size
    batch, length = written.shape
    embeddings = np.reshape(
        model.encoder(episode, written=written), (batch, length, side, side, -1)
    )
    contents = np.asarray(model.writer.contents(embeddings))
    places = np.asarray(model.writer.places(embeddings))
    wanted = places if model.writer.allocation == "content" else 0 * places
    blocks = by_numpy.allocate(
        wanted.reshape(batch, length * count, 2),
        np.repeat(written, count, axis=1),
        np.ones((batch, reader.grid**2)),
        reader.grid,
    ).reshape(batch, length, count)
    memory = by_numpy.write(contents, blocks, reader.grid, side, model.memory_depth)
    # No frame is overwritten here: those that were written are held.
    fullness = memory[1].mean(axis=(1, 2))
    features = np.float64(embeddings).mean(axis=(2, 3))
    region = _region(model, written, blocks, features, fullness, places)
    keys, kl_keys, key_ratio = _keys_and_kls(model, *region, seeds)

    shares = reader.finest, reader.low, reader.high
    read, covered = by_numpy.read(*memory, keys, side, *shares)
    scale = keys[..., 0][:, :, None, None]
    area = by_numpy.widths(scale, reader.grid, *shares) ** 2
    covered = np.moveaxis(covered, 2, -1)
    context = [
        covered,
        np.broadcast_to(by_numpy.breadth(scale, *shares[1:]), covered.shape),
        np.log1p(covered * area),
    ]
    read = np.moveaxis(read, 2, 4)
    own = read / np.maximum(area, 1)[..., np.newaxis]
    maps = (batch, length, side, side, -1)
    prior = model.latent_prior(
        *(np.float32(part.reshape(maps)) for part in (read, own)),
        np.float32(np.concatenate(context, -1)),
    )
    aim = None
    if side > 1:
        aim = _recollection(model, contents, maps)
    size = side * side * model.latent_size
    drawn = np.float64(noise.normal(seeds, (length, size), Stream.LATENTS))
    latents, prior, posterior = (
        part.reshape(*part.shape[:-5], batch, length, size)
        for part in _in_groups(model, prior, embeddings, aim, drawn.reshape(maps))
    )
    logits = np.float64(model.decoder(np.float32(latents)))
    likelihood = stats.bernoulli.logpmf(episode, special.expit(logits)).sum((2, 3, 4))
    log_ratio = stats.norm.logpdf(latents, *posterior)
    log_ratio = np.sum(log_ratio - stats.norm.logpdf(latents, *prior), axis=-1)
    zeros = np.zeros_like(likelihood)
    closed = by_numpy.gaussian_kl(*posterior, *prior)
    return (
        Elbo(likelihood, closed, kl_keys, zeros),
        Elbo(likelihood, log_ratio, key_ratio, zeros),
    )


def _recollection(model, contents, maps):
    """What p(Z|M-hat) expects where a frame reads its own blocks and nothing else."""
    cells = (*contents.shape[:3], model.block_size**2, model.memory_depth)
    own = np.moveaxis(contents.reshape(cells), 2, 3).reshape(maps)
    count = model.blocks_per_frame
    context = np.repeat([1.0, 0.0, np.log1p(model.reader.finest**2)], count)
    context = np.broadcast_to(np.float32(context), (*own.shape[:-1], 3 * count))
    return model.latent_prior(own, own, context)[0]


def _in_groups(model, blocks_prior, embeddings, aim, drawn):
    """Latents, and [2, ...], the mean and stddev of the prior and of the posterior."""
    mean, stddev = np.float64(blocks_prior)
    group = np.arange(mean.shape[-1]) // (mean.shape[-1] // model.latent_groups)
    latents, prior, posterior = mean, np.zeros((2, *mean.shape)), 0
    for number in range(model.latent_groups):
        given = np.float64(blocks_prior)
        if number:
            news = np.where(group < number, (latents - mean) / stddev, 0)
            by = model.latent_chain(*map(np.float32, (news, mean, stddev)))
            assert np.max(np.abs(by[0])) > 0.01  # weights moved: the model built it
            given = np.float64([mean + stddev * by[0], stddev * by[1]])
        known = np.where(group < number, latents, given[0])
        expected = np.float32([known, given[1]])
        by = model.latent_posterior(embeddings, *expected, aim)
        # A frame that is recalled is where it aims.
        if aim is not None and np.max(np.abs(aim - known)) > 0.01:
            blind = model.latent_posterior(embeddings, *expected)
            assert np.max(np.abs(by[0] - blind[0])) > 0.01
        found = np.float64([given[0] + given[1] * by[0], given[1] * by[1]])
        prior = np.where(group == number, given, prior)
        posterior = np.where(group == number, found, posterior)
        latents = np.where(group < number + 1, posterior[0] + posterior[1] * drawn, 0)
    return latents, prior, posterior


@pytest.mark.parametrize("written", [None, WRITTEN], ids=["all", "some"])
def test_bound_equals_numpy(model, written, episode, seeds):
    """Every term by itself, from what the networks give and the documented noise."""
    all_written = np.ones((BATCH, LENGTH), np.float32)
    expected, sampled = _expected(
        model, episode, seeds, all_written if written is None else written
    )
    got = model.elbo(episode, seeds, written=written)
    assert_terms(got, expected, rtol=1e-3, atol=5e-3)
    got = model.elbo(episode, seeds, written=written, analytic=False)
    assert_terms(got, sampled, rtol=2e-3, atol=2e-2)


def _log_weights(model, episode, memory, count):
    """ln of importance weights of `count` draws for one episode: [count, T]."""
    copies = np.repeat(episode[:1], count, axis=0)
    memories = type(memory)(*(tf.repeat(part[:1], count, axis=0) for part in memory))
    rows = np.random.default_rng(5).integers(0, 2**31, (count, 2), np.int32)
    # A graph: outside of one the loop over rows that draws noise is slow.
    terms = tf.function(model.elbo)(copies, rows, memory=memories, analytic=False)
    return -np.float64(terms.bound)


def test_importance_weights_average_to_the_true_likelihood(episode):
    """E_q[exp(-bound)] = p(X|M), found by drawing from the prior; the bound is above.

    Gaussian keys, which reach all of the memory, and weights near their start.
    """
    model = make_model(moved=0.05, key_posterior="gaussian", latent_groups=3)
    # Posteriors as wide as the prior, so that few weights are large.
    model.windows.recall_width.assign(np.log(np.expm1([2.4, 2.4, 2.4])))
    end = (1 - model.reader.high) / 2
    wide = np.log(np.expm1(0.8)) - np.log(np.expm1([end, 0.5, 0.5]))
    model.windows.head.bias.assign([special.logit(end), *wide])
    some = episode[:1, :3]
    memory, count = model.write(some), 500
    # Other images than those written, and likely ones: these draws can tell.
    queries = np.float32(random_episode(2, 1, seed=8))
    log_weights = _log_weights(model, queries, memory, count)
    importance = special.logsumexp(log_weights, axis=0) - np.log(count)

    memories = type(memory)(*(tf.repeat(p, 10, axis=0) for p in memory))
    keys = model.draw_keys(count // 10, noise.row_seeds([7, 8], 10))
    random = np.random.default_rng(2)
    size = model.block_size**2 * model.latent_size
    drawn = random.standard_normal((10, count // 10, size)).astype(np.float32)
    latents = model.latents_at(memories, keys, drawn)
    logits = np.float64(model.decode(latents)).reshape(-1, 1, *SHAPE)
    likelihood = stats.bernoulli.logpmf(queries[0], special.expit(logits))
    likelihood = likelihood.sum((2, 3, 4))
    truth = special.logsumexp(likelihood, axis=0) - np.log(count)

    def error(logs):
        ratio = np.exp(logs - logs.max(axis=0))
        return ratio.std(axis=0) / ratio.mean(axis=0) / count**0.5

    bars = np.hypot(error(log_weights), error(likelihood))
    assert np.all(bars < 0.35)  # the test can tell
    assert np.all(np.abs(importance - truth) < 4.5 * bars)
    bound = -log_weights.mean(axis=0)
    assert np.all(bound > -truth) and np.all(bound > -importance)
