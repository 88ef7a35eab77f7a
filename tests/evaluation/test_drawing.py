"""Images by number: in order, reproducible, stored as they are."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kpp_tf import noise
from kpp_tf.errors import UserError
from kpp_tf.evaluation import drawing
from kpp_tf.models.kanerva_plus_plus import Memory
from tests.evaluation import tiny_models


@pytest.fixture(scope="module")
def model():
    return tiny_models.kanerva_plus_plus()


@pytest.fixture(scope="module")
def episodes():
    return tiny_models.episodes(32, 4)  # 8 episodes of 4 images in 2 batches


def _take(count, *arguments):
    return np.stack(list(itertools.islice(drawing.draw(*arguments), count)))


def test_images_are_the_models_of_each_memory_in_turn(model, episodes):
    drawn = _take(40, model, episodes, 3, 0.5)
    second = episodes[1]
    memory = model.write(second.images, second.mask)
    seeds = noise.fold_in(noise.fold_in(second.seeds, 3), 0)
    wanted = model.generate(memory, 4, seeds, tf.fill([4], 0.5)).numpy()
    np.testing.assert_allclose(drawn[16:32], wanted.reshape(16, 8, 8, 1), atol=1e-5)
    # After the last of 32 the first memory comes again, with other noise.
    assert np.abs(drawn[32:] - drawn[:8]).max() > 1e-3


def test_an_image_depends_on_seed_and_number_alone(model, episodes):
    many = _take(7, model, episodes, 1)
    np.testing.assert_array_equal(_take(2, model, episodes, 1), many[:2])
    rebatched = tiny_models.episodes(32, 2)
    np.testing.assert_allclose(_take(7, model, rebatched, 1), many, atol=1e-5)
    assert np.abs(_take(7, model, episodes, 2) - many).max() > 1e-3


def test_without_temperature_nothing_is_random(model, episodes):
    one, other = (_take(4, model, episodes, seed, 0.0) for seed in (1, 2))
    np.testing.assert_array_equal(one, other)


def test_a_stored_memory_is_drawn_from_again_and_again(model, episodes, tmp_path):
    memory = model.write(episodes[0].images)
    memory.save(tmp_path / "memory.npz")
    stored = Memory.load(tmp_path / "memory.npz")
    turn = 4 * drawing.EACH
    draws = drawing.draw_from(model, stored, 3, 0.5)
    drawn = np.stack(list(itertools.islice(draws, turn + 1)))
    seeds = noise.fold_in(noise.row_seeds([3, 0], 4), 0)
    wanted = model.generate(memory, drawing.EACH, seeds, tf.fill([4], 0.5)).numpy()
    np.testing.assert_allclose(drawn[:turn], wanted.reshape(turn, 8, 8, 1), atol=1e-5)
    assert np.abs(drawn[turn] - drawn[0]).max() > 1e-3


@pytest.mark.parametrize("channels", [1, 3])
def test_files_hold_the_images(tmp_path, channels):
    images = np.random.default_rng(0).random([11, 5, 4, channels])
    drawing.save(iter(images), 11, tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as stored:
        pixels = stored["images"]
    assert pixels.dtype == np.uint8
    np.testing.assert_allclose(pixels / 255, images, atol=0.5 / 255 + 1e-9)
    drawing.save(iter(images), 11, tmp_path / "new" / "folder")
    found = sorted((tmp_path / "new" / "folder").iterdir())
    assert [path.name for path in found] == [f"{n:02d}.png" for n in range(11)]
    for path, wanted in zip(found, pixels, strict=True):
        with Image.open(path) as picture:
            read = np.asarray(picture).reshape(5, 4, channels)
        np.testing.assert_array_equal(read, wanted)


@pytest.mark.parametrize("name", ["a.npz", "folder"])
def test_nothing_is_overwritten(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(UserError, match=f"another --out.*Received: .*{name}"):
        drawing.save(iter(np.zeros([1, 2, 2, 1])), 1, tmp_path / name)


def test_an_interrupt_leaves_nothing(tmp_path):
    def broken():
        yield np.zeros([2, 2, 1])
        raise KeyboardInterrupt

    for name in ("a.npz", "folder"):
        with pytest.raises(KeyboardInterrupt):
            drawing.save(broken(), 5, tmp_path / name)
    assert not list(tmp_path.iterdir())
