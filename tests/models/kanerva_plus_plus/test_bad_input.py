"""Memories, keys, masks and episodes that are none."""

import numpy as np
import pytest
import tensorflow as tf

from kpp_tf.errors import UserError
from kpp_tf.models.kanerva_plus_plus import Memory
from tests.models.kanerva_plus_plus.tiny import make_model


def _bad_memories(memory):
    return {
        "another size": (
            memory._replace(cells=memory.cells[:, :-1], coverage=memory.coverage),
            r"cells of shape \[None, 3, 3, 6\].*Received: \(3, 2, 3, 6\)",
        ),
        "another depth": (
            memory._replace(cells=memory.cells[..., :-1]),
            r"Received: \(3, 3, 3, 5\)",
        ),
        "coverage of another size": (
            memory._replace(coverage=memory.coverage[:, :, :-1]),
            r"coverage of shape.*Received: \(3, 3, 2\)",
        ),
        "no batch": (
            Memory(*(part[0] for part in memory)),
            r"Received: \(3, 3, 6\)",
        ),
        "another carry": (
            memory._replace(carry=memory.carry[:, :-1]),
            "carry of shape.*written by another model.*Received",
        ),
        "coverage above 1": (
            memory._replace(coverage=1.5 * memory.coverage),
            r"coverage must lie in \[0, 1\]. Received: values from 0.0 to 1.5",
        ),
        "coverage below 0": (
            memory._replace(coverage=memory.coverage - 0.25),
            "Received: values from -0.25",
        ),
        "coverage of NaN": (
            memory._replace(coverage=np.nan * memory.coverage),
            "Received: values from nan",
        ),
    }


@pytest.mark.parametrize("bad", _bad_memories(Memory(*[tf.zeros([3] * 4)] * 3)))
def test_bad_memories_are_named_by_every_method(box, episode, seeds, bad):
    memory, message = _bad_memories(box.write(episode))[bad]
    for method in (
        lambda: box.elbo(episode, seeds, memory=memory),
        lambda: box.generate(memory, 2, seeds),
        lambda: box.generate_from_keys(memory, box.draw_keys(2, seeds)),
        lambda: box.reconstruct(memory, episode, seeds),
        lambda: box.refine(memory, episode),
        lambda: box.infer_keys(memory, episode),
        lambda: box.write_next(memory, episode[:, 0]),
    ):
        with pytest.raises(UserError, match=message):
            method()


def test_a_memory_of_arrays_is_read_like_one_of_tensors(box, episode, seeds):
    memory = box.write(episode)
    arrays = Memory(*(part.numpy() for part in memory))
    np.testing.assert_array_equal(
        box.generate(arrays, 2, seeds), box.generate(memory, 2, seeds)
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_keys_that_are_no_numbers_are_named(box, episode, seeds, value):
    keys = box.draw_keys(2, seeds).numpy()
    keys[1, 1, 0, 2] = value
    with pytest.raises(UserError, match="finite numbers. Received"):
        box.generate_from_keys(box.write(episode), keys)


@pytest.mark.parametrize("shape", [(3, 2, 3), (3, 2, 2, 3), (3, 2, 1, 2)])
def test_keys_of_another_shape_are_named(box, episode, shape):
    memory = box.write(episode)
    with pytest.raises(UserError, match=r"\[3, N, 1, 3\]. Received: \(3, 2"):
        box.generate_from_keys(memory, np.zeros(shape, np.float32))


def test_bad_written_and_masks_are_named(box, episode, seeds):
    for method in (
        lambda **frames: box.write(episode, **frames),
        lambda **frames: box.elbo(episode, seeds, **frames),
        lambda **frames: box.key_posterior(episode, **frames),
        lambda **frames: box.ownership(episode, **frames),
    ):
        with pytest.raises(UserError, match=r"written must .*Received: shape \(3, 4\)"):
            method(written=np.ones((3, 4)))
        with pytest.raises(UserError, match=r"0 and 1 alone. Received: \[0.5\]"):
            method(mask=np.full((3, 5), 0.5))
        with pytest.raises(UserError, match="written=1 with mask=0"):
            method(mask=np.zeros((3, 5)), written=np.ones((3, 5)))
    with pytest.raises(UserError, match=r"mask must .*Received: shape \(3, 4\)"):
        box.predictive_elbo(episode, seeds, np.ones((3, 4)))


def test_bad_episodes_are_refused_by_every_method(box, episode, seeds):
    memory, bad = box.write(episode), episode * 255
    for method in (
        lambda: box.write(bad),
        lambda: box.elbo(bad, seeds),
        lambda: box.elbo(bad, seeds, memory=memory),
        lambda: box.predictive_elbo(bad, seeds),
        lambda: box.training_terms(bad, seeds),
        lambda: box.reconstruct(memory, bad, seeds),
        lambda: box.refine(memory, bad),
        lambda: box.infer_keys(memory, bad),
    ):
        with pytest.raises(UserError, match="Received: values from 0.0 to 255.0"):
            method()


@pytest.mark.parametrize("groups", [0, 2])
def test_groups_that_do_not_divide_the_latents_are_named(groups):
    with pytest.raises(UserError, match=f"divide latent_size.*latent_groups={groups}"):
        make_model(latent_groups=groups)
