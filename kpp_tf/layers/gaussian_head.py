"""From features to the mean and standard deviation of a Gaussian."""

import math
from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="kpp_tf")
class GaussianHead(keras.layers.Layer):
    """Mean and standard deviation of a diagonal Gaussian over `size` numbers.

    mean = W_m h + b_m;  stddev = min_stddev + softplus(W_s h + b_s).

    Returns tensors, of which callers make distributions.

    Args:
      size: dimension of the Gaussian.
      initial_stddev: standard deviation at the start, for all features.
      min_stddev: floor that keeps KLs finite.
    """

    def __init__(
        self,
        size: int,
        initial_stddev: float = 1.0,
        min_stddev: float = 1e-4,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if initial_stddev <= min_stddev:
            raise ValueError(
                "initial_stddev must exceed min_stddev. Received: "
                f"initial_stddev={initial_stddev}, min_stddev={min_stddev}"
            )
        self.min_stddev = min_stddev
        self.mean = keras.layers.Dense(
            size, kernel_initializer="lecun_normal", name="mean"
        )
        # softplus(bias) = initial_stddev - min_stddev
        bias = math.log(math.expm1(initial_stddev - min_stddev))
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
        return mean, self.min_stddev + tf.nn.softplus(raw)
