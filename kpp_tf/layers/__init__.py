"""Keras layers. Each may be a part of other models too: see docs/layers.md.

Where a layer has no `get_config`, it is Keras' own: the constructor's arguments.
"""

from kpp_tf.layers.block_memory import (
    BlockWriter,
    MemoryWriter,
    PlaceHead,
    WindowReader,
)
from kpp_tf.layers.convolutional_decoder import ConvolutionalDecoder
from kpp_tf.layers.dense_decoder import DenseDecoder
from kpp_tf.layers.gaussian_head import GaussianHead
from kpp_tf.layers.make_decoder import make_decoder
from kpp_tf.layers.residual_block import ResidualBlock
from kpp_tf.layers.temporal_shift import TemporalShift
from kpp_tf.layers.tsm_resnet import TSMResNet

__all__ = [
    "BlockWriter",
    "ConvolutionalDecoder",
    "DenseDecoder",
    "GaussianHead",
    "MemoryWriter",
    "PlaceHead",
    "ResidualBlock",
    "TSMResNet",
    "TemporalShift",
    "WindowReader",
    "make_decoder",
]
