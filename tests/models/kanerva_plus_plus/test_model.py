"""K++'s bound against numpy, and what every term promises."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from kpp_tf import noise
from kpp_tf.layers.block_memory.allocator import block_centres
from kpp_tf.models import Elbo, KanervaPlusPlus
from kpp_tf.noise import Stream
from tests.layer_checks import precision
from tests.models.kanerva_plus_plus import by_numpy
from tests.models.kanerva_plus_plus.tiny import (
    BATCH,
    BLOCKS,
    COMMON,
    LENGTH,
    MASK,
    SHAPE,
    assert_same_bits,
    assert_terms,
    make_model,
    random_episode,
)

WRITTEN = np.float32([[1, 0, 1, 1, 0], [0, 1, 0, 0, 1], [1, 1, 1, 1, 1]])


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
    read = np.moveaxis(read, 2, 4).reshape(batch, length, side, side, -1)
    prior = model.latent_prior(
        np.float32(read), np.float32(np.concatenate(context, -1))
    )
    posterior = model.latent_posterior(embeddings, *prior)
    prior, posterior = (
        [np.float64(x).reshape(batch, length, -1) for x in pair]
        for pair in (prior, posterior)
    )
    drawn = noise.normal(seeds, posterior[0].shape[1:], Stream.LATENTS)
    latents = posterior[0] + posterior[1] * np.float64(drawn)
    code = np.float32(latents)
    if side > 1:
        code = code.reshape(batch, length, side, side, -1)
    logits = np.float64(model.decoder(code))
    likelihood = stats.bernoulli.logpmf(episode, special.expit(logits)).sum((2, 3, 4))
    log_ratio = stats.norm.logpdf(latents, *posterior)
    log_ratio = np.sum(log_ratio - stats.norm.logpdf(latents, *prior), axis=-1)
    zeros = np.zeros_like(likelihood)
    closed = by_numpy.gaussian_kl(*posterior, *prior)
    return (
        Elbo(likelihood, closed, kl_keys, zeros),
        Elbo(likelihood, log_ratio, key_ratio, zeros),
    )


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
    model = make_model(moved=0.05, key_posterior="gaussian")
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
    prior = model.latents_at(memories, keys)
    random = np.random.default_rng(2)
    latents = prior.mean() + prior.stddev() * random.standard_normal(
        prior.mean().shape
    ).astype(np.float32)
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


def test_frames_that_are_not_written_leave_no_trace(model, episode, seeds):
    other = np.where(WRITTEN[..., None, None, None] > 0, episode, 1 - episode)
    memories = [model.write(e, written=WRITTEN) for e in (episode, other)]
    assert_same_bits(*memories)
    terms = [model.elbo(e, seeds, written=WRITTEN) for e in (episode, other)]
    for name, one, two in zip(terms[0]._fields, *terms, strict=True):
        np.testing.assert_array_equal(
            one.numpy()[WRITTEN > 0], two.numpy()[WRITTEN > 0], err_msg=name
        )
    # And the memory is that of the others alone.
    for row in range(BATCH):
        alone = model.write(episode[row : row + 1, WRITTEN[row] > 0])
        for got, expected in zip(memories[0], alone, strict=True):
            np.testing.assert_allclose(got[row : row + 1], expected, atol=1e-5)
    changed = np.any(terms[0].bound != terms[1].bound)
    assert changed  # the frames themselves are scored


def test_padding_changes_no_term_of_a_real_image(model, episode, seeds):
    padded = np.where(MASK[..., None, None, None] > 0, episode, 1 - episode)
    one, other = (model.elbo(e, seeds, mask=MASK) for e in (episode, padded))
    assert_same_bits(one, other)
    assert_same_bits(*(model.write(e, MASK) for e in (episode, padded)))
    for name, term in one._asdict().items():
        np.testing.assert_array_equal(term.numpy()[MASK == 0], 0, err_msg=name)
    for row, real in enumerate(MASK.sum(axis=1).astype(int)):
        alone = model.write(episode[row : row + 1, :real])
        for got, expected in zip(model.write(padded, MASK), alone, strict=True):
            np.testing.assert_allclose(got[row : row + 1], expected, atol=1e-5)
    predicted = model.predictive_elbo(padded, seeds, MASK)
    assert_same_bits(predicted, model.predictive_elbo(episode, seeds, MASK))
    for term in predicted:
        np.testing.assert_array_equal(term.numpy()[MASK == 0], 0)


def test_a_row_does_not_see_its_neighbours(model, episode, seeds):
    order = [2, 0, 1]
    shuffled, rows = episode[order], seeds.numpy()[order]
    expected = model.elbo(episode, seeds, written=WRITTEN)
    got = model.elbo(shuffled, rows, written=WRITTEN[order])
    assert_terms(got, [x.numpy()[order] for x in expected], atol=1e-3)
    alone = model.elbo(episode[1:2], seeds[1:2], written=WRITTEN[1:2])
    assert_terms(alone, [x[1:2] for x in expected], atol=1e-3)
    memory = model.write(episode)
    images = model.generate(memory, 4, seeds)
    one = type(memory)(*(part[1:2] for part in memory))
    np.testing.assert_allclose(
        model.generate(one, 4, seeds[1:2]), images[1:2], atol=1e-5
    )


@pytest.mark.parametrize("extra", [None, 0, 5])
def test_any_number_of_images(model, extra, seeds):
    """0, 1, as many as fit, and 5 more."""
    lengths = (0, 1) if extra is None else (model.capacity + extra,)
    for length in lengths:
        episode = random_episode(length, 2)
        memory = model.write(episode)
        assert memory.cells.shape == (
            2,
            model.memory_size,
            model.memory_size,
            model.memory_depth,
        )
        floats = sum(np.prod(part.shape[1:]) for part in memory[:2])
        assert floats == model.memory_floats
        blocks = np.sum(memory.coverage, axis=(1, 2)) / model.block_size**2
        full = model.reader.grid**2
        wanted = min(length * model.blocks_per_frame, full)
        np.testing.assert_array_equal(blocks, [wanted] * 2)
        for terms in (
            model.elbo(episode, seeds[:2]),
            model.elbo(episode, seeds[:2], memory=memory),
            model.predictive_elbo(episode, seeds[:2]),
        ):
            assert all(x.shape == (2, length) for x in terms)
            assert np.all(np.isfinite(terms.bound))
        assert model.reconstruct(memory, episode, seeds[:2]).shape == (
            2,
            length,
            *SHAPE,
        )
        terms = model.training_terms(episode, seeds[:2])
        assert terms.real.shape == terms.elbo.bound.shape == (2, 2 * length)
        assert terms.auxiliary.shape == (2, length)
        assert np.all(np.isfinite(terms.auxiliary))


def test_a_full_memory_forgets_and_scores_who_is_gone_as_unseen(box, seeds):
    """Frames whose block was taken are scored as if they had not been written."""
    episode = random_episode(box.capacity + 5, 1)
    owned = np.sum(box.ownership(episode)[0], axis=(1, 2))
    held = owned > 0
    assert held.sum() == box.capacity
    assert np.all(held[-1:])  # the last is never gone
    terms = box.elbo(episode, seeds[:1])
    cost = np.sum(-np.log([0.4, 0.6 / 3, 0.6 / 3]))
    recalled = np.isclose(terms.kl_keys[0], cost, atol=1e-3)
    np.testing.assert_array_equal(recalled, held)
    terms = box.training_terms(episode, seeds[:1])
    np.testing.assert_array_equal(terms.written[0, : len(held)], held)


def test_an_empty_memory_is_the_plain_prior(model, episode, seeds):
    """Nothing that was not written has a say, wherever and however wide one reads."""
    empty = model.empty_memory(BATCH)
    none = np.zeros((BATCH, LENGTH), np.float32)
    assert_same_bits(model.write(episode, written=none), empty)
    keys = model.draw_keys(4, seeds)
    fine = tf.where(tf.range(3) == 0, -9.0, keys)
    means = model.latents_at(empty, fine).mean()
    first = tf.broadcast_to(means[:1, :1], means.shape)
    np.testing.assert_allclose(means, first, atol=1e-6)


def test_same_seed_gives_the_same_bits(model, episode, seeds):
    one, two = (model.elbo(episode, seeds) for _ in range(2))
    assert_same_bits(one, two)
    other = model.elbo(episode, noise.row_seeds([1, 3], BATCH))
    assert not np.allclose(one.log_likelihood, other.log_likelihood, atol=1e-4)


def test_graph_bound_agrees_with_eager(model, episode, seeds):
    expected = model.elbo(episode, seeds, written=WRITTEN)
    specs = [
        tf.TensorSpec([None, None, *SHAPE]),
        tf.TensorSpec([None, 2], tf.int32),
        tf.TensorSpec([None, None]),
    ]
    graph = tf.function(
        lambda e, s, w: model.elbo(e, s, written=w), input_signature=specs
    )
    assert_terms(graph(episode, seeds, WRITTEN), expected, rtol=1e-4, atol=1e-3)
    assert graph(episode[:, :0], seeds, WRITTEN[:, :0]).bound.shape == (BATCH, 0)


def test_model_survives_its_file(model, episode, seeds, tmp_path):
    path = tmp_path / "model.keras"
    model.save(path)
    copy = keras.saving.load_model(path)
    # A file holds lists where the constructor was given tuples.
    assert json.dumps(copy.get_config()) == json.dumps(model.get_config())
    assert_terms(copy.elbo(episode, seeds), model.elbo(episode, seeds), rtol=1e-5)
    for got, expected in zip(copy.write(episode), model.write(episode), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-5)


def test_config_holds_every_argument(model):
    config = model.get_config()
    assert set(COMMON) <= set(config)
    again = KanervaPlusPlus.from_config(config)
    assert json.dumps(again.get_config()) == json.dumps(config)


@pytest.mark.parametrize("family", ["box", "gaussian"])
def test_mixed_precision_keeps_memory_keys_and_bound_in_float32(episode, seeds, family):
    single = make_model(**BLOCKS, key_posterior=family)
    with precision("mixed_bfloat16"):
        mixed = make_model(**BLOCKS, key_posterior=family)
    mixed.set_weights(single.get_weights())
    assert mixed.encoder.compute_dtype == mixed.compute_dtype == "bfloat16"
    got, expected = (
        m.elbo(episode, seeds, written=WRITTEN * 0 + 1) for m in (mixed, single)
    )
    assert all(x.dtype == tf.float32 for x in got)
    np.testing.assert_allclose(np.mean(got.bound), np.mean(expected.bound), rtol=0.05)
    memory = mixed.write(episode)
    assert all(part.dtype == tf.float32 for part in memory)
    for keys in (
        mixed.slot_keys(),
        mixed.draw_keys(2, seeds),
        mixed.infer_keys(memory, episode),
        mixed.infer_keys(memory, episode, seeds),
    ):
        assert keys.dtype == tf.float32
    np.testing.assert_array_equal(mixed.slot_keys(), single.slot_keys())
    assert mixed.reconstruct(memory, episode, seeds).dtype == tf.float32
    # The memory of what bfloat16 encodes is near that of float32.
    blocks = [np.sort(np.ravel(m.write(episode).cells)) for m in (mixed, single)]
    np.testing.assert_allclose(*blocks, atol=0.05 * np.abs(blocks[1]).max())


@pytest.mark.parametrize("likelihood", ["logistic_mixture:2", "gaussian"])
def test_colour_images(likelihood):
    shape = (8, 8, 3)
    model = make_model(moved=0, image_shape=shape, likelihood=likelihood, **BLOCKS)
    episode = np.random.default_rng(4).integers(0, 256, (2, 3, *shape)) / 255
    rows = noise.row_seeds([1, 2], 2)
    terms = model.elbo(np.float32(episode), rows)
    # Untrained, near 8 bits for each of 192 numbers.
    bits = -np.mean(terms.log_likelihood) / 192 / np.log(2)
    assert 6 < bits < 12
    images = model.generate(model.write(np.float32(episode)), 2, rows)
    assert images.shape == (2, 2, *shape)
    assert np.all((images >= 0) & (images <= 1))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"memory_size": 7, "block_size": 2}, "memory_size=7, block_size=2"),
        ({"blocks_per_frame": 10}, r"memory_size=3, block_size=1, blocks_per_frame=10"),
        ({"key_posterior": "cube"}, r"\['box', 'gaussian'\]. Received: 'cube'"),
        ({"explored": 1.5}, r"\[0, 1\]. Received: 1.5"),
        ({"explored": float("nan")}, r"Received: nan"),
        ({"allocation": "random"}, "Received: 'random'"),
        ({"finest": 2.0}, "Received: 2.0"),
    ],
)
def test_wrong_arguments_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        KanervaPlusPlus(**{**COMMON, **changes})
