"""The default config: refuses what it does not name, and fits the models."""

import pytest

from kpp_tf import config as configs
from kpp_tf.layers import DenseDecoder, ImageDecoder, TSMResNet, make_decoder


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
    assert isinstance(make_decoder((28, 28, 1), 1, **configs.decoder()), DenseDecoder)


def test_larger_images_are_given_convolutions():
    model = configs.default().model
    configs.use_convolutions(model, widths=(128, 96), blocks=(2, 1))
    TSMResNet(**model.encoder)
    decoder = make_decoder((64, 64, 3), 30, **model.decoder)
    assert isinstance(decoder, ImageDecoder)
    assert decoder.widths == (128, 96) and decoder.blocks == (2, 1)
    assert configs.default().model.decoder.kind == "dense"
