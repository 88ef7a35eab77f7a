"""From features to the mean and standard deviation of a Gaussian."""

import math
from typing import Any

import keras
import tensorflow as tf

MIN_STDDEV = 1e-4  # keeps KLs finite


@keras.saving.register_keras_serializable(package="kpp_tf")
class GaussianHead(keras.layers.Layer):
    """Mean and standard deviation of a diagonal Gaussian over `size` numbers.

    mean = W_m h + b_m;  stddev = 1e-4 + softplus(W_s h + b_s).

    Returns tensors, of which callers make distributions.

    Args:
      size: dimension of the Gaussian.
      initial_stddev: standard deviation at the start, for all features; over 1e-4.
    """

    def __init__(self, size: int, initial_stddev: float = 1.0, **kwargs: Any):
        super().__init__(**kwargs)
        if initial_stddev <= MIN_STDDEV:
            raise ValueError(
                f"initial_stddev must be over {MIN_STDDEV}. Received: {initial_stddev}"
            )
        self.mean = keras.layers.Dense(
            size, kernel_initializer="lecun_normal", name="mean"
        )
        # softplus(bias) = initial_stddev - MIN_STDDEV
        bias = math.log(math.expm1(initial_stddev - MIN_STDDEV))
        self.stddev = keras.layers.Dense(
            size,
            kernel_initializer="zeros",
            bias_initializer=keras.initializers.Constant(bias),
            name="stddev",
        )

    def build(self, input_shape: tuple[Any, ...]) -> None:
        self.mean.build(input_shape)
        self.stddev.build(input_shape)

    def call(self, features: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Computes the parameters.

        Args:
          features: [..., F].

        Returns:
          (mean, stddev), each float32 [..., size]; float32 whatever the precision of
          the features, because KLs are taken between these.
        """
        mean = tf.cast(self.mean(features), tf.float32)
        raw = tf.cast(self.stddev(features), tf.float32)
        return mean, MIN_STDDEV + tf.nn.softplus(raw)
