"""What every Keras layer of the package must do; each layer's tests call it once."""

import contextlib
import inspect
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from kpp_tf import noise


def check_layer(
    make: Callable[[], keras.layers.Layer],
    inputs: tuple[np.ndarray, ...],
    shapes: tuple[tuple[int, ...], ...],
    folder: Path,
    float32: bool = False,
) -> None:
    """Config, file, eager, graph and symbolic call, training step, mixed precision.

    Args:
      make: builds the layer.
      inputs: float32 arrays [B, T, ...] or [B, S, S, D], the call's arguments in order.
      shapes: shape of each output of the layer for these inputs.
      folder: for files.
      float32: whether its outputs are float32 in mixed precision, too.
    """
    keras.utils.set_random_seed(0)
    layer = make()
    assert [x.shape for x in _call(layer, inputs)] == list(shapes)
    perturb(layer)
    _check_config(layer, inputs)
    _check_unknown_sizes(layer, inputs)
    _check_file(layer, inputs, folder)
    _check_training_step(layer, inputs)
    _check_mixed_precision(make, layer, inputs, float32)


@contextlib.contextmanager
def precision(policy: str) -> Iterator[None]:
    """Layers made in this context follow the policy, as their own layers do."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def without_noise(monkeypatch) -> None:
    """Normal noise is 0 from here on: what is drawn is the mean."""

    def zeros(seeds, shape, salt):
        del salt
        return tf.zeros(tf.stack([tf.shape(seeds)[0], *shape]))

    monkeypatch.setattr(noise, "normal", zeros)


def perturb(layer: keras.layers.Layer, scale: float = 0.2) -> None:
    """Moves weights off their initial zeros, so that each has a say in the output."""
    random = np.random.default_rng(0)
    layer.set_weights(
        [w + scale * random.standard_normal(w.shape) for w in layer.get_weights()]
    )


def gradients_of(loss: Callable[[], tf.Tensor], weights: list) -> list[np.ndarray]:
    """Gradients of `loss()`, dense; a weight without one is an error."""
    with tf.GradientTape() as tape:
        value = loss()
    gradients = tape.gradient(value, [w.value for w in weights])
    for weight, gradient in zip(weights, gradients, strict=True):
        assert gradient is not None, f"{weight.path} has no gradient"
    return [np.asarray(tf.convert_to_tensor(g)) for g in gradients]


def _call(layer, inputs):
    return [np.asarray(x) for x in tf.nest.flatten(layer(*inputs))]


def _assert_same(got, expected, tolerance):
    for x, y in zip(got, expected, strict=True):
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance)


def _check_config(layer, inputs):
    config = layer.get_config()
    arguments = inspect.signature(type(layer).__init__).parameters
    missing = set(arguments) - {"self", "kwargs"} - set(config)
    assert not missing, f"get_config lacks {missing}"
    # Through JSON, as a .keras file does.
    text = json.dumps(keras.saving.serialize_keras_object(layer))
    copy = keras.saving.deserialize_keras_object(json.loads(text))
    assert type(copy) is type(layer)
    copy(*inputs)
    copy.set_weights(layer.get_weights())
    _assert_same(_call(copy, inputs), _call(layer, inputs), 1e-6)


def _check_unknown_sizes(layer, inputs):
    """Batch and length unknown when the graph is traced."""
    signature = [tf.TensorSpec([None, None, *x.shape[2:]], tf.float32) for x in inputs]
    graph = tf.function(layer, input_signature=signature)
    _assert_same(_call(graph, inputs), _call(layer, inputs), 1e-4)


def _check_file(layer, inputs, folder):
    symbols = [keras.Input((None, *x.shape[2:])) for x in inputs]
    model = keras.Model(symbols, layer(*symbols))
    for symbol, value in zip(
        tf.nest.flatten(model.output), _call(layer, inputs), strict=True
    ):
        assert tf.TensorShape(symbol.shape).is_compatible_with(value.shape)
    path = folder / "layer.keras"
    model.save(path)
    loaded = keras.saving.load_model(path)
    got = [np.asarray(x) for x in tf.nest.flatten(loaded(list(inputs)))]
    _assert_same(got, _call(layer, inputs), 1e-6)


def _check_training_step(layer, inputs):
    """One step of gradient descent moves every weight, by finite amounts."""
    if not layer.trainable_variables:
        return

    def loss():
        # Squares of differences, so that no symmetry cancels a gradient.
        outputs = tf.nest.flatten(layer(*inputs))
        return tf.add_n([tf.reduce_sum((x - 0.3) ** 2 + 0.1 * x**3) for x in outputs])

    weights = layer.trainable_variables
    before = [w.numpy().copy() for w in weights]
    optimizer = keras.optimizers.SGD(1e-3)
    gradients = gradients_of(loss, weights)
    optimizer.apply_gradients(zip(map(tf.constant, gradients), weights, strict=True))
    for weight, old in zip(weights, before, strict=True):
        new = weight.numpy()
        assert np.all(np.isfinite(new)), weight.path
        assert np.any(new != old), f"{weight.path} did not change"
    for weight, old in zip(weights, before, strict=True):
        weight.assign(old)


def _check_mixed_precision(make, layer, inputs, float32):
    """Float32 weights; outputs within bfloat16's 8 bits of the float32 ones."""
    with precision("mixed_bfloat16"):
        mixed = make()
    mixed(*inputs)
    assert all(w.dtype == "float32" for w in mixed.weights)
    mixed.set_weights(layer.get_weights())
    for got, expected in zip(
        tf.nest.flatten(mixed(*inputs)), _call(layer, inputs), strict=True
    ):
        assert got.dtype in ((tf.float32,) if float32 else (tf.bfloat16, tf.float32))
        error = np.abs(np.float64(tf.cast(got, tf.float32)) - expected)
        assert error.mean() <= 0.03 * np.abs(expected).mean() + 1e-6
