"""Images that are remembered: the memory's file, its map, its keys."""

import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kpp_tf import remember
from kpp_tf.errors import UserError
from kpp_tf.models import build_model
from kpp_tf.models.kanerva_plus_plus import Memory
from tests.training import tiny


@pytest.fixture(scope="module")
def model():
    return build_model(tiny.config())


@pytest.fixture(scope="module")
def remembered(model):
    return remember.write(remember.with_room(model, 7), tiny.table(7).images)


def test_the_memory_grows_to_hold_the_images(model, remembered):
    assert model.memory_size == 2 and remember.with_room(model, 4) is model
    larger = remember.with_room(model, 7)
    assert larger.memory_size == 3
    for ours, theirs in zip(model.weights, larger.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert remembered.held.all()
    assert len(set(remembered.blocks[:, 0])) == 7
    assert remember.with_room(model, 4, memory_size=5).memory_size == 5


def test_a_full_memory_says_what_it_does_not_hold(model):
    few = remember.write(model, tiny.table(7).images)
    assert few.held.sum() == 4
    assert set(few.blocks[few.held, 0]) == {0, 1, 2, 3}


def test_errors_are_those_of_pixels(model, remembered):
    model = remember.with_room(model, 7)
    episode = remembered.images[None] / np.float32(255)
    memory = model.write(episode)  # all at once
    recalled = model.generate_from_keys(memory, model.key_posterior(episode).mean())
    off = np.abs(recalled - episode).mean()
    assert remembered.error == pytest.approx(off, rel=1e-4)
    of_mean = np.abs(episode[0] - episode[0].mean(axis=0)).mean()
    assert remembered.error_of_mean == pytest.approx(of_mean, rel=1e-5)


def test_the_files_give_the_images_back(model, remembered, tmp_path):
    model = remember.with_room(model, 7)
    names = [f"{row}.png" for row in range(7)]
    remember.save(model, remembered, names, tmp_path)
    memory = Memory.load(tmp_path / remember.MEMORY)
    listed = json.loads((tmp_path / remember.PLACES).read_text())["images"]
    assert [entry["image"] for entry in listed] == names
    assert all(entry["held"] for entry in listed)
    keys = tf.constant([[entry["keys"] for entry in listed]])
    again = model.generate_from_keys(memory, keys)[0]
    recalled = remember.recalled(model, memory, remembered.blocks)
    np.testing.assert_allclose(again, recalled, atol=1e-3)
    # The block that holds the place, counted row by row.
    x, y = np.floor(3 * np.array([entry["places"][0] for entry in listed]).T)
    np.testing.assert_array_equal(remembered.blocks[:, 0], 3 * y + x)


def test_a_map_too_wide_is_shrunk(model, remembered, monkeypatch):
    model = remember.with_room(model, 7)
    whole = remember.recalled(model, remembered.memory, np.arange(9)[:, None])
    monkeypatch.setattr(remember, "WIDEST", 12)  # three images of 8 pixels: by 2
    picture = remember.map_picture(model, remembered)
    side = 2 * 4 + 2
    assert picture.shape == (3 * side + 2, 3 * side + 2, 3)
    for block in set(remembered.blocks[:, 0]):
        top, left = 2 + side * (block // 3), 2 + side * (block % 3)
        shown = picture[top : top + 8 : 2, left : left + 8 : 2, 0]
        mean = whole[block, ..., 0].reshape(4, 2, 4, 2).mean(axis=(1, 3))
        np.testing.assert_allclose(shown, 255 * mean, atol=0.51)


def test_thousands_of_images_are_remembered_in_chunks(model, monkeypatch):
    monkeypatch.setattr(remember, "AT_ONCE", 20)
    monkeypatch.setattr(remember, "ERRORS_OF", 30)
    images = tiny.table(90).images
    large = remember.with_room(model, 90)
    remembered = remember.write(large, images)
    assert remembered.held.all() and len(np.unique(remembered.blocks)) == 90
    assert remembered.error < 1 and remember.map_picture(large, remembered).ndim == 3


def test_the_map_shows_what_lies_where(model, remembered, tmp_path):
    model = remember.with_room(model, 7)
    picture = remember.map_picture(model, remembered)
    side = 2 * 8 + 2  # an image of 8 pixels, zoomed by 2, and the line beside it
    assert picture.shape == (3 * side + 2, 7 * side + 2, 3)
    for image, block in zip(remembered.images, remembered.blocks[:, 0], strict=True):
        top, left = 2 + side * (block // 3), 2 + side * (4 + block % 3)
        shown = picture[top : top + 16 : 2, left : left + 16 : 2, 0]
        np.testing.assert_array_equal(shown, image[..., 0])
    empty = (set(range(9)) - set(remembered.blocks[:, 0])).pop()
    top, left = 2 + side * (empty // 3), 2 + side * (empty % 3)
    assert np.all(picture[top : top + 16, left : left + 16] == 128)


def test_a_preset_is_fine_tuned_on_all_images_of_a_folder(model, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, image in enumerate(tiny.table(9).images):
        Image.fromarray(image[..., 0]).save(folder / f"{number}.png")
    given = tiny.config()
    given.data.update({"grouping": "class", "binarize": "dynamic"})
    config = remember.of_preset(given, str(folder), steps=2)
    table = remember.load(config)
    assert len(table) == 9 and table.levels == 2
    assert sorted(table.image_names) == [f"{number}.png" for number in range(9)]
    config.data.episode_length = 32  # more than there are
    trained = remember.train(config, table, tmp_path / "run", model)
    assert any(
        np.any(ours.numpy() != theirs.numpy())
        for ours, theirs in zip(model.weights, trained.weights, strict=True)
    )
    assert given.data.grouping == "class", "the preset's config is another's"


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_few_images_are_remembered_too(model, count, tmp_path):
    remembered = remember.write(model, tiny.table(count).images)
    assert remembered.held.all()
    assert remembered.is_known or count > 1  # one image says nothing of its mean
    remember.save(model, remembered, list("abc")[:count], tmp_path)
    assert len(Memory.load(tmp_path / remember.MEMORY).cells) == 1
    assert (tmp_path / remember.PICTURES / "recall.png").exists()


def test_the_memory_is_written_last(model, remembered, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("no room")

    monkeypatch.setattr(remember.pictures, "write_all", fail)
    model = remember.with_room(model, 7)
    with pytest.raises(OSError, match="no room"):
        remember.save(model, remembered, [f"{row}" for row in range(7)], tmp_path)
    remember.check_new(tmp_path)  # the same command works again
    (tmp_path / remember.MEMORY).touch()
    with pytest.raises(UserError, match="there is a memory"):
        remember.check_new(tmp_path)


def _ramp(shape):
    return np.linspace(0, 255, np.prod(shape)).reshape(shape).astype(np.uint8)


@pytest.mark.parametrize(
    ("image", "preset"),
    [
        (np.stack([_ramp((40, 40)), 255 - _ramp((40, 40)), _ramp((40, 40))], -1), 1),
        (np.stack([_ramp((40, 40))] * 3, -1), 2),  # grey, although of three channels
        (_ramp((40, 40)), 2),
        (255 * (_ramp((40, 40)) > 99).astype(np.uint8), 0),
        (np.uint8([255, 250, 236]) * np.ones((40, 40, 1), np.uint8), 0),  # paper
    ],
    ids=["colour", "grey", "levels", "ink", "yellow paper"],
)
def test_the_preset_is_chosen_by_the_images(image, preset, tmp_path):
    for number in range(3):
        image = image.copy()
        image[number, number] = 0
        Image.fromarray(image).save(tmp_path / f"{number}.png")
    config = tiny.config()
    config.data.name = str(tmp_path)
    name, why = remember.suitable_preset(config.data)
    assert name == ("binarized_mnist", "cifar10", "fashion_mnist")[preset]
    assert "% of the pixels" in why


def test_names_belong_to_images(model, remembered, tmp_path):
    with pytest.raises(UserError, match="Received: 1 names of 7 images"):
        remember.save(model, remembered, ["a.png"], tmp_path)
    assert not list(tmp_path.iterdir())


def test_images_of_several_larger_blocks_have_a_map_too(tmp_path):
    config = tiny.config()
    config.model.update({"memory_size": 4, "block_size": 2, "blocks_per_frame": 2})
    config.model.decoder.hidden = 0
    model = remember.with_room(build_model(config), 5)
    assert (model.memory_size, model.capacity) == (8, 8)  # 16 blocks, two an image
    remembered = remember.write(model, tiny.table(5).images)
    assert remembered.held.all() and remembered.blocks.shape == (5, 2)
    assert len(np.unique(remembered.blocks)) == 10
    remember.save(model, remembered, list("abcde"), tmp_path)
    picture = np.asarray(Image.open(tmp_path / remember.MAP))
    assert picture.shape[:2] == (4 * 18 + 2, 9 * 18 + 2)
