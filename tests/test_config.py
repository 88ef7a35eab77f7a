"""The default config: refuses what it does not name, and fits the models."""

import pytest

from kpp_tf import config as configs
from kpp_tf import files
from kpp_tf.errors import UserError
from kpp_tf.layers import ConvolutionalDecoder, DenseDecoder, TSMResNet, make_decoder


def test_a_typing_mistake_is_refused():
    config = configs.default()
    with pytest.raises(AttributeError, match=r"learning_rat\b.*learning_rate"):
        config.train.learning_rat = 1e-3
    with pytest.raises(AttributeError, match="memory_sise"):
        config.model.memory_sise = 3


def test_a_wrong_type_is_refused():
    config = configs.default()
    with pytest.raises(TypeError, match="int"):
        config.train.steps = "many"


def test_every_call_gives_a_fresh_config():
    changed = configs.default()
    changed.model.encoder.widths = (1,)
    assert configs.default().model.encoder.widths == configs.encoder().widths


def test_memory_is_within_the_published_budget():
    model = configs.default().model
    assert model.memory_size**2 * model.memory_depth <= 3200
    assert model.memory_size**2 >= configs.default().data.episode_length


def test_networks_of_the_config_are_arguments_of_the_layers():
    TSMResNet(**configs.encoder())
    assert isinstance(
        make_decoder((28, 28, 1), 1, **configs.decoder()), ConvolutionalDecoder
    )


def test_dense_networks_are_had_by_a_call():
    model = configs.default().model
    configs.use_dense_networks(model, hidden=32)
    TSMResNet(**model.encoder)
    decoder = make_decoder((28, 28, 1), 6, **model.decoder)
    assert isinstance(decoder, DenseDecoder)
    assert decoder.get_config()["hidden"] == 32
    assert configs.default().model.decoder.kind == "convolutional"
    configs.use_dense_and_convolutions(model)
    decoder = make_decoder((28, 28, 1), 1, **model.decoder)
    assert isinstance(decoder.convolutions, ConvolutionalDecoder)


def test_a_saved_config_gets_the_data_fields_that_are_newer_than_it():
    saved = configs.default().to_dict()
    saved["data"]["name"] = "mnist"
    del saved["data"]["split_seed"]
    config = configs.completed(saved, "config.json")
    assert config.to_dict()["data"] == {**saved["data"], "split_seed": 0}


@pytest.mark.parametrize(
    "damage",
    [
        {"data": 3},
        {"data": {"episode_length": "many"}},
        {"train": None},
        {"model": [1]},
        {"seed": "one"},
    ],
)
def test_a_damaged_config_is_named(tmp_path, damage):
    path = tmp_path / configs.FILE
    files.write_json(path, {**configs.default().to_dict(), **damage})
    with pytest.raises(UserError, match=f"no config of a run: .*Received: {path}"):
        configs.read(tmp_path)
