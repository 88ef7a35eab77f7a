"""Weights that ship: half precision, refusals, nothing half-written."""

import json

import numpy as np
import pytest

from kpp_tf import pretrained
from kpp_tf.errors import UserError
from kpp_tf.training.checkpoints import weight_names
from tests.evaluation import tiny_models


@pytest.fixture(scope="module")
def model():
    return tiny_models.kanerva_plus_plus()


@pytest.fixture
def stored(model, tmp_path):
    pretrained.save("tiny", model, tiny_models.config(), tmp_path)
    return tmp_path


def test_a_model_comes_back_in_half_precision(model, stored):
    loaded, config = pretrained.load("tiny", stored)
    assert config.to_dict() == json.loads(json.dumps(tiny_models.config().to_dict()))
    wanted, found = weight_names(model), weight_names(loaded)
    assert wanted.keys() == found.keys()
    for name, variable in wanted.items():
        rounded = variable.numpy().astype(np.float16).astype(np.float32)
        np.testing.assert_array_equal(found[name].numpy(), rounded)


def test_it_scores_almost_as_before(model, stored):
    loaded, _ = pretrained.load("tiny", stored)
    batch = tiny_models.episodes(16)[0]
    before = model.elbo(batch.images, batch.seeds, batch.mask).bound
    after = loaded.elbo(batch.images, batch.seeds, batch.mask).bound
    np.testing.assert_allclose(before, after, rtol=1e-2)


def test_names_are_those_that_can_be_loaded(stored):
    (stored / "no_weights").mkdir()
    assert pretrained.names(stored) == ["tiny"]
    assert pretrained.names(stored / "absent") == []


def test_an_unknown_name_is_refused(stored):
    with pytest.raises(UserError, match=r"there are \['tiny'\].*Received: 'huge'"):
        pretrained.load("huge", stored)
    with pytest.raises(UserError, match="Received: '../tiny'"):
        pretrained.load("../tiny", stored)


def test_weights_of_another_config_are_refused(stored):
    path = stored / "tiny" / "config.json"
    config = json.loads(path.read_text())
    config["model"]["hidden"] += 1
    path.write_text(json.dumps(config))
    with pytest.raises(UserError, match="are not those that its config"):
        pretrained.load("tiny", stored)


def _shorten(content):
    return content[: len(content) // 2]


def _flip(content):
    """Flips a bit of each of 200 bytes, more than a header has."""
    start = len(content) // 4
    flipped = bytes(byte ^ 1 for byte in content[start : start + 200])
    return content[:start] + flipped + content[start + 200 :]


@pytest.mark.parametrize("damage", [_shorten, _flip, lambda content: b""])
def test_damaged_weights_are_named(stored, damage):
    path = stored / "tiny" / pretrained.WEIGHTS
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=rf"damaged.*Received: {path}"):
        pretrained.load("tiny", stored)


def test_a_damaged_config_is_named(stored):
    path = stored / "tiny" / "config.json"
    path.write_bytes(_shorten(path.read_bytes()))
    with pytest.raises(UserError, match=rf"damaged.*Received: {path}"):
        pretrained.load("tiny", stored)


def test_nothing_is_overwritten(model, stored):
    before = (stored / "tiny" / pretrained.WEIGHTS).read_bytes()
    with pytest.raises(UserError, match="move it away"):
        pretrained.save("tiny", model, tiny_models.config(), stored)
    assert (stored / "tiny" / pretrained.WEIGHTS).read_bytes() == before
    assert [path.name for path in stored.iterdir()] == ["tiny"]


@pytest.mark.parametrize("name", ["", "../out", "a/b", ".hidden"])
def test_a_name_stays_in_the_folder(model, tmp_path, name):
    folder = tmp_path / "models"
    with pytest.raises(UserError, match="it names a folder"):
        pretrained.save(name, model, tiny_models.config(), folder)
    assert not list(tmp_path.iterdir())


def test_weights_beyond_half_precision_are_refused(tmp_path):
    model = tiny_models.kanerva_plus_plus()
    weight = next(iter(weight_names(model).values()))
    weight.assign(weight + 70_000)
    with pytest.raises(UserError, match="finite in half precision"):
        pretrained.save("tiny", model, tiny_models.config(), tmp_path)
    assert not list(tmp_path.iterdir())
