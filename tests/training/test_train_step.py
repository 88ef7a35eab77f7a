"""The step against finite differences and XLA."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.optimizers.schedules import CosineDecay

from kpp_tf import config as configs
from kpp_tf.data import training_episodes
from kpp_tf.errors import UserError
from kpp_tf.training.run_log import averages
from kpp_tf.training.train_step import METRICS, make_train_step
from kpp_tf.training.trainer import Trainer
from kpp_tf.training.written import draw_written
from tests import layer_checks
from tests.training import tiny

COLUMN = {name: index for index, name in enumerate(METRICS)}


def _batch(trainer):
    config = trainer.config
    episodes = training_episodes(tiny.table(), config.data, seed=config.seed)
    return next(iter(episodes))


def _dkm_config(**train):
    config = tiny.config(**train)
    networks = config.model.encoder, config.model.decoder
    config.model = configs.baseline("dynamic_kanerva_machine")
    config.model.update(slots=2, code_size=4)
    config.model.encoder, config.model.decoder = networks
    return config


@pytest.fixture(scope="module")
def trainer():
    return Trainer(tiny.config(clip_norm=0.0), tiny.table())


def test_metrics_are_means_over_the_images_that_count():
    trainer = Trainer(_dkm_config(), tiny.table())
    images, _, _, seeds = _batch(trainer)
    mask = np.ones([4, 3], np.float32)
    mask[1, 2] = mask[3, 1:] = 0
    written = draw_written(seeds, tf.constant(mask), 0.5)
    elbo = trainer.model.elbo(images, seeds, mask=mask, written=written)
    expected = {name: term.numpy().sum() / 9 for name, term in elbo._asdict().items()}
    row = trainer.replica_step(images, tf.constant(mask), seeds, tf.constant(8)).numpy()
    for name, value in expected.items():
        assert row[COLUMN[name]] == pytest.approx(value, rel=1e-4, abs=1e-5)
    assert row[COLUMN["kl_weight"]] == 1.0

    held = (written.numpy() * mask).astype(bool)
    unseen = mask.astype(bool) & ~held
    assert held.any() and unseen.any()
    means = averages(np.stack([row, row]), 64)
    bound = elbo.bound.numpy()
    assert means["stored"] == pytest.approx(bound[held].mean(), rel=1e-4)
    assert means["unseen"] == pytest.approx(bound[unseen].mean(), rel=1e-4)
    assert means["bound"] == pytest.approx(bound.sum() / 9, rel=1e-4)


def test_steps_of_mixed_lengths_are_steps_of_one_length_each():
    """Shapes are unknown when the step is traced; means count the images there are."""
    config = tiny.config(clip_norm=0.0)
    config.data.update({"episode_length": 4, "episodes_per_batch": 2})
    config.data.episode_lengths = (2, 4)
    trainer = Trainer(config, tiny.table())
    batches = list(training_episodes(tiny.table(), config.data, seed=0).take(6))
    assert {tuple(batch.images.shape[:2]) for batch in batches} == {(4, 2), (2, 4)}
    specs = [tf.TensorSpec([None, None, *batches[0].images.shape[2:]])]
    specs += [tf.TensorSpec([None, None]), tf.TensorSpec([None, 2], tf.int32)]
    graph = tf.function(
        lambda images, mask, seeds: trainer.replica_step(
            images, mask, seeds, tf.constant(8)
        ),
        input_signature=specs,
    )
    one_of_each = {len(batch.images): batch for batch in batches}
    for batch in one_of_each.values():
        terms = trainer.model.training_terms(batch.images, batch.seeds, batch.mask)
        row = graph(batch.images, batch.mask, batch.seeds)
        expected = np.mean(terms.elbo.kl_keys)
        assert float(row[COLUMN["kl_keys"]]) == pytest.approx(expected, rel=1e-4)
    config.train.accumulate = 2
    with pytest.raises(UserError, match="accumulate=1.*Received: 1 replicas"):
        Trainer(config, tiny.table())


def test_steps_count_by_their_images_in_stored_and_unseen():
    rows = np.zeros([2, len(METRICS)], np.float32)
    rows[:, COLUMN["held"]] = 1.0, 0.25
    rows[:, COLUMN["stored_part"]] = 12.0, 0.25 * 20.0
    rows[:, COLUMN["unseen_part"]] = 0.0, 0.75 * 100.0
    means = averages(rows, 64)
    assert means["stored"] == pytest.approx((12.0 + 5.0) / 1.25)
    assert means["unseen"] == pytest.approx(100.0)
    assert np.isnan(averages(rows[:1], 64)["unseen"])


def test_clipping_bounds_the_step(trainer):
    """A plain gradient step is as long as rate * gradient."""
    weights = trainer.model.trainable_variables
    optimizer = keras.optimizers.SGD(CosineDecay(0.5, decay_steps=100))
    optimizer.build(weights)
    settings = tiny.config(clip_norm=1e-2).train
    step = make_train_step(trainer.model, optimizer, settings)
    images, mask, _, seeds = _batch(trainer)
    before = [weight.numpy() for weight in weights]
    row = step(images, mask, seeds, tf.constant(8)).numpy()
    assert row[COLUMN["gradient_norm"]] > 1.0
    moved = 0.0
    for weight, old in zip(weights, before, strict=True):
        moved += np.sum((weight.numpy().astype(np.float64) - old) ** 2)
        weight.assign(old)
    assert np.sqrt(moved) == pytest.approx(0.5 * 1e-2, rel=1e-2)


def test_a_batch_in_parts_makes_the_step_of_the_whole():
    """DKM: its episodes do not see each other, unlike K++'s in the map's loss."""
    rows, weights = [], []
    for parts in (1, 2):
        config = _dkm_config(accumulate=parts)
        trainer = Trainer(config, tiny.table())
        for index, weight in enumerate(trainer.model.weights):
            noise = np.random.default_rng(index).normal(0, 0.1, weight.shape)
            weight.assign(weight + np.float32(noise))
        images, mask, _, seeds = _batch(trainer)
        mask = mask.numpy()
        mask[1, 1:] = 0  # parts of different numbers of images
        step = tf.function(trainer.replica_step)
        rows.append(step(images, tf.constant(mask), seeds, tf.constant(8)).numpy())
        weights.append([weight.numpy() for weight in trainer.model.weights])
    np.testing.assert_allclose(*rows, rtol=1e-4, atol=1e-5)
    # Adam's first step is as long as the rate, even for a gradient of rounding errors.
    for one, other in zip(*weights, strict=True):
        assert np.mean(np.abs(one - other) < 1e-5) > 0.98


def test_parts_that_a_batch_does_not_have_are_refused():
    with pytest.raises(UserError, match=r"accumulate=3\. Received: 4 for 1 replicas"):
        Trainer(tiny.config(accumulate=3), tiny.table())


def test_step_is_one_xla_function(trainer, monkeypatch):
    """It lowers to StableHLO, and XLA computes what TensorFlow does.

    But for the noise: XLA makes other normal numbers of the same random bits.
    """
    layer_checks.without_noise(monkeypatch)
    images, mask, _, seeds = _batch(trainer)
    step = tf.constant(3, tf.int64)
    config = tiny.config(clip_norm=0.0, jit_compile=True)
    compiled = Trainer(config, tiny.table())
    for weight, same in zip(compiled.model.weights, trainer.model.weights, strict=True):
        weight.assign(same.numpy())
    elbo = trainer.model.training_terms(images, seeds, mask, mask).elbo
    row = compiled.replica_step(images, mask, seeds, step).numpy()
    for name in ("kl_keys", "kl_latents", "log_likelihood"):
        expected = float(tf.reduce_mean(getattr(elbo, name)))
        assert row[COLUMN[name]] == pytest.approx(expected, rel=1e-4)
    text = compiled.replica_step.experimental_get_compiler_ir(
        images, mask, seeds, step
    )(stage="stablehlo")
    assert "stablehlo" in text


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_trains_float32_weights(precision, trainer):
    with layer_checks.precision(precision):
        config = tiny.config(precision=precision)
        mixed = Trainer(config, tiny.table())
    episodes = _batch(mixed)
    for weight, same in zip(mixed.model.weights, trainer.model.weights, strict=True):
        weight.assign(same.numpy())
    elbo = trainer.model.training_terms(episodes.images, episodes.seeds).elbo
    row = mixed.replica_step(
        episodes.images, episodes.mask, episodes.seeds, tf.constant(8)
    ).numpy()
    assert {weight.dtype for weight in mixed.model.weights} == {"float32"}
    assert any(layer.compute_dtype != "float32" for layer in mixed.model.layers)
    for name, term in elbo._asdict().items():
        expected = float(tf.reduce_mean(term))
        assert row[COLUMN[name]] == pytest.approx(expected, rel=0.05, abs=0.05)
    # Of the first scaled gradients in float16, some may overflow.
    assert np.isfinite(row[: COLUMN["gradient_norm"]]).all()
