"""Presets: half precision, nothing half-written, and no more read than arrays."""

import json

import h5py
import keras
import numpy as np
import pytest

import kpp_tf
from kpp_tf import pretrained
from kpp_tf.errors import UserError
from kpp_tf.models import load_preset
from kpp_tf.pretrained.preset import METADATA, WEIGHTS
from kpp_tf.training.architecture import weight_names
from tests.evaluation import tiny_models
from tests.models import tiny_models as of_every_kind


@pytest.fixture(scope="module")
def model():
    return tiny_models.kanerva_plus_plus()


@pytest.fixture
def stored(model, tmp_path):
    return model.save_to_preset(tmp_path / "tiny")


def _halves(model):
    """The weights by name, rounded to half precision."""
    return {
        name: variable.numpy().astype(np.float16).astype(np.float32)
        for name, variable in weight_names(model).items()
    }


def _assert_rounded(model, found):
    expected = _halves(model)
    assert expected.keys() == weight_names(found).keys()
    for name, variable in weight_names(found).items():
        np.testing.assert_array_equal(variable.numpy(), expected[name])


def test_a_model_comes_back_in_half_precision(model, stored):
    loaded, config = load_preset(stored)
    saved, ours = (c.to_json(sort_keys=True) for c in (config, tiny_models.config()))
    assert saved == ours
    _assert_rounded(model, loaded)
    _assert_rounded(model, kpp_tf.from_preset(str(stored)))


def test_a_preset_is_the_four_files_of_keras_hubs(model, stored):
    names = {"README.md", "config.json", "metadata.json", "model.weights.h5"}
    assert {path.name for path in stored.iterdir()} == names
    metadata = json.loads((stored / "metadata.json").read_text())
    assert metadata["keras_version"] == keras.__version__
    assert metadata["parameter_count"] == model.count_params()
    with h5py.File(stored / WEIGHTS) as file:
        dtypes = set()
        file.visititems(lambda _, item: dtypes.add(getattr(item, "dtype", None)))
    assert dtypes == {None, np.dtype(np.float16)}


def test_keras_itself_reads_the_weights(model, stored):
    other = tiny_models.kanerva_plus_plus()
    other.set_weights([0 * weight for weight in other.get_weights()])
    other.load_weights(stored / WEIGHTS)
    _assert_rounded(model, other)


@pytest.mark.parametrize("kind", of_every_kind.MODELS)
def test_every_kind_of_model_comes_back(kind, tmp_path):
    model = of_every_kind.MODELS[kind]()
    loaded = kpp_tf.from_preset(model.save_to_preset(tmp_path / kind))
    configs = [{**one.get_config(), "name": ""} for one in (model, loaded)]
    assert json.dumps(configs[0], sort_keys=True) == json.dumps(
        configs[1], sort_keys=True
    )
    _assert_rounded(model, loaded)


def test_a_model_with_another_memory_comes_back(model, tmp_path):
    loaded, config = load_preset(model.resized(2).save_to_preset(tmp_path / "small"))
    assert loaded.memory_size == config.model.memory_size == 2
    assert config.data.name == tiny_models.config().data.name


def test_it_scores_almost_as_before(model, stored):
    loaded = kpp_tf.from_preset(stored)
    batch = tiny_models.episodes(16)[0]
    before = model.elbo(batch.images, batch.seeds, batch.mask).bound
    after = loaded.elbo(batch.images, batch.seeds, batch.mask).bound
    np.testing.assert_allclose(before, after, rtol=1e-2)


@pytest.mark.parametrize("field", ["hidden", "memory_depth"])
def test_weights_of_another_config_are_refused(stored, field):
    path = stored / "config.json"
    config = json.loads(path.read_text())
    config["model"][field] += 1
    path.write_text(json.dumps(config))
    with pytest.raises(UserError, match="do not fit the model of the config"):
        load_preset(stored)


def _accept_any_weights(stored):
    """Drops the digest, which presets of others need not have."""
    path = stored / METADATA
    metadata = json.loads(path.read_text())
    del metadata["weights_sha256"]
    path.write_text(json.dumps(metadata))


def test_weights_that_have_other_names_are_refused(stored):
    _accept_any_weights(stored)
    with h5py.File(stored / WEIGHTS, "a") as file:
        file.move("encoder", "decoder2")
    with pytest.raises(UserError, match="do not fit the model of the config"):
        load_preset(stored)


def _shorten(content):
    return content[: len(content) // 2]


def _flip(content):
    """Flips a bit."""
    start = len(content) // 2
    return content[:start] + bytes([content[start] ^ 1]) + content[start + 1 :]


@pytest.mark.parametrize("damage", [_shorten, _flip, lambda content: b""])
def test_damaged_weights_are_named(stored, damage):
    path = stored / WEIGHTS
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=rf"damaged.*Received: {path}"):
        load_preset(stored)
    _accept_any_weights(stored)
    if damage is not _flip:  # which HDF5 does not see
        with pytest.raises(UserError, match=rf"damaged.*Received: {path}"):
            load_preset(stored)


def test_a_damaged_config_is_named(stored):
    path = stored / "config.json"
    path.write_bytes(_shorten(path.read_bytes()))
    with pytest.raises(UserError, match=rf"damaged.*Received: {path}"):
        load_preset(stored)


def test_a_config_is_checked_as_that_of_a_run_is(stored):
    path = stored / "config.json"
    config = json.loads(path.read_text())
    config["data"]["episode_length"] = -1
    path.write_text(json.dumps(config))
    with pytest.raises(UserError, match=r"config\.data\.episode_length must be"):
        load_preset(stored)


def _link_elsewhere(file, name, folder):
    file[name] = h5py.ExternalLink(str(folder / "secret.h5"), "/secret")


def _link_within(file, name, folder):
    file[name] = h5py.SoftLink("/")


def _store_elsewhere(file, name, folder):
    secret = str(folder / "secret.bin")
    file.create_dataset(name, (4,), np.float16, external=[(secret, 0, 8)])


def _compute(file, name, folder):
    layout = h5py.VirtualLayout((4,), np.float16)
    layout[:] = h5py.VirtualSource(str(folder / "secret.h5"), "secret", (4,))
    file.create_virtual_dataset(name, layout)


def _store_objects(file, name, folder):
    file.create_dataset(name, data=["words"], dtype=h5py.string_dtype())


@pytest.mark.parametrize(
    "add", [_link_elsewhere, _link_within, _store_elsewhere, _compute, _store_objects]
)
def test_what_is_no_array_of_the_file_itself_is_refused(stored, tmp_path, add):
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["secret"] = np.zeros(4, np.float16)
    (tmp_path / "secret.bin").write_bytes(bytes(8))
    _accept_any_weights(stored)
    with h5py.File(stored / WEIGHTS, "a") as file:
        add(file, "strange", tmp_path)
    with pytest.raises(UserError, match="no links. Received: strange"):
        load_preset(stored)


def test_nothing_is_overwritten(model, stored):
    before = (stored / WEIGHTS).read_bytes()
    with pytest.raises(UserError, match="move it away"):
        model.save_to_preset(stored)
    assert (stored / WEIGHTS).read_bytes() == before
    assert [path.name for path in stored.parent.iterdir()] == ["tiny"]


def test_weights_beyond_half_precision_are_refused(tmp_path):
    model = tiny_models.kanerva_plus_plus()
    weight = next(iter(weight_names(model).values()))
    weight.assign(weight + 70_000)
    with pytest.raises(UserError, match="finite in half precision"):
        model.save_to_preset(tmp_path / "tiny")
    assert not list(tmp_path.iterdir())


def test_what_ships_is_whole():
    for name in pretrained.names():
        model, config = load_preset(name)
        card = (pretrained.find(name) / "README.md").read_text()
        assert config.data.name in card and f"{model.count_params():,}" in card
        assert "| images that the memory was written from (stored) |" in card
        assert "`examples.npz` holds " in card
        images = kpp_tf.example_images(name)
        assert images.shape == (32, *config.data.image_shape)
        levels = 2 if config.model.likelihood == "bernoulli" else 256
        assert 2 <= len(np.unique(images)) <= levels and images.max() <= 1
