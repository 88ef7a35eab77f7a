"""Fine-tuning: which weights may be taken, and what is taken."""

import numpy as np
import pytest

from kpp_tf.models import build_model
from kpp_tf.training.architecture import (
    ArchitectureError,
    check_same_architecture,
    weight_names,
)
from kpp_tf.training.trainer import Trainer
from tests.training import tiny


def _model(seed=1, **fields):
    config = tiny.config()
    config.seed = seed
    config.model.update(fields)
    return build_model(config)


def test_a_trainer_starts_from_weights_of_another_size_of_memory_and_prior():
    given = _model(memory_size=3, scale_low=0.4)
    trainer = Trainer(tiny.config(ema_decay=0.9), tiny.table())
    before = trainer.model.weights[0].numpy()
    trainer.start_from(given)
    expected = [weight.numpy() for weight in given.weights]
    assert np.any(before != expected[0])
    for weights in (trainer.model.weights, trainer.average.averages):
        for weight, value in zip(weights, expected, strict=True):
            np.testing.assert_array_equal(weight.numpy(), value)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"hidden": 16}, "hidden is 16, here 8"),
        # Weights of the same shapes, which mean something else.
        ({"finest": 0.25}, "finest is 0.25, here 0.166"),
        (
            {"encoder": {"shift": "bidirectional"}},
            "encoder.shift is bidirectional, here causal",
        ),
    ],
)
def test_another_architecture_is_refused_by_what_differs(fields, said):
    with pytest.raises(ArchitectureError, match=said):
        check_same_architecture(_model(**fields), _model())


def test_more_groups_of_latents_start_as_if_they_were_one():
    given = _model(latent_groups=1)
    config = tiny.config()
    config.model.latent_groups = 2
    trainer = Trainer(config, tiny.table())
    trainer.start_from(given)
    episode = np.random.default_rng(0).uniform(size=(2, 3, *given.image_shape))
    seeds = np.int32([[1, 2], [3, 4]])
    expected = given.elbo(np.float32(np.round(episode)), seeds)
    got = trainer.model.elbo(np.float32(np.round(episode)), seeds)
    for ours, theirs in zip(got, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=5e-3, atol=1e-3)
    with pytest.raises(ArchitectureError, match="latent_groups is 2, here 1"):
        check_same_architecture(trainer.model, given)


def test_larger_images_may_be_more_cells_of_the_same():
    def of_maps(side, block_size, stride=4):
        config = tiny.config()
        config.data.image_shape = (side, side, 1)
        config.model.update({"memory_size": 8, "block_size": block_size})
        config.model.encoder.stem_stride = config.model.decoder.head_stride = stride
        config.model.decoder.hidden = 0
        return build_model(config)

    small, large = of_maps(8, 2), of_maps(16, 4)
    check_same_architecture(small, large)
    shapes = [{n: w.shape for n, w in weight_names(m).items()} for m in (small, large)]
    assert shapes[0] == shapes[1]
    with pytest.raises(ArchitectureError, match=r"pixels of a cell is \[4.0, 4.0, 1\]"):
        check_same_architecture(small, of_maps(8, 4, stride=2))


def test_an_encoder_of_an_older_config_has_no_linear_way():
    for linear, refused in ((False, False), (True, True)):
        wanted = tiny.config()
        wanted.model.encoder.linear = linear
        wanted = build_model(wanted)
        if refused:
            with pytest.raises(ArchitectureError, match="linear is False, here True"):
                check_same_architecture(_model(), wanted)
        else:
            check_same_architecture(_model(), wanted)


def test_a_config_older_than_groups_of_latents_has_one():
    config = tiny.config()
    del config.unlock().model["latent_groups"]
    given = build_model(config)
    assert "latent_groups" not in given.get_config()
    check_same_architecture(given, _model(latent_groups=1))
    check_same_architecture(_model(latent_groups=1), given)


def test_lists_of_a_file_are_the_tuples_of_a_config():
    given = _model(encoder={"widths": [8], "blocks": [1]})
    check_same_architecture(given, _model())
    assert weight_names(given).keys() == weight_names(_model()).keys()
