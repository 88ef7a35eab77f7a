"""Decoders by the names that configs use."""

from collections.abc import Sequence
from typing import Any

import keras

from kpp_tf.layers.convolutional_decoder import ConvolutionalDecoder
from kpp_tf.layers.dense_decoder import DenseDecoder

_BY_KIND = {"convolutional": ConvolutionalDecoder, "dense": DenseDecoder}


def make_decoder(
    image_shape: Sequence[int],
    num_parameters: int,
    kind: str = "convolutional",
    **arguments: Any,
) -> keras.layers.Layer:
    """The decoder p(X|Z) of a model, named "decoder".

    Args:
      image_shape: (H, W, C) of the images.
      num_parameters: likelihood parameters of a pixel.
      kind: "convolutional" (`ConvolutionalDecoder`) or "dense" (`DenseDecoder`).
      arguments: of that class.

    Raises:
      ValueError: for an unknown kind.
    """
    if kind not in _BY_KIND:
        raise ValueError(
            f"a decoder's kind must be one of {sorted(_BY_KIND)}. Received: {kind!r}"
        )
    return _BY_KIND[kind](image_shape, num_parameters, **arguments, name="decoder")
