"""What every term of K++'s bound promises."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from kpp_tf import noise
from kpp_tf.models import KanervaPlusPlus
from tests.layer_checks import precision
from tests.models.kanerva_plus_plus.tiny import (
    BATCH,
    BLOCKS,
    COMMON,
    LENGTH,
    MASK,
    SHAPE,
    WRITTEN,
    assert_same_bits,
    assert_terms,
    make_model,
    random_episode,
)


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
    np.testing.assert_array_equal(terms.held[0, : len(held)], held)


def test_an_empty_memory_is_the_plain_prior(model, episode, seeds):
    """Nothing that was not written has a say, wherever and however wide one reads."""
    empty = model.empty_memory(BATCH)
    none = np.zeros((BATCH, LENGTH), np.float32)
    assert_same_bits(model.write(episode, written=none), empty)
    keys = model.draw_keys(4, seeds)
    fine = tf.where(tf.range(3) == 0, -9.0, keys)
    means = model.latents_at(empty, fine)
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


def test_colour_images():
    shape = (8, 8, 3)
    model = make_model(
        moved=0, image_shape=shape, likelihood="logistic_mixture:2", **BLOCKS
    )
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
