"""Keras layers of Kanerva++ and of the models that it is compared with."""

from kpp_tf.layers.allocator import Allocator
from kpp_tf.layers.block_reader import BlockReader, block_weights
from kpp_tf.layers.decoder import ImageDecoder
from kpp_tf.layers.decoders import make_decoder
from kpp_tf.layers.dense_decoder import DenseDecoder
from kpp_tf.layers.gaussian_head import GaussianHead
from kpp_tf.layers.memory_writers import AllocatedWriter, PooledWriter
from kpp_tf.layers.residual_block import ResidualBlock
from kpp_tf.layers.temporal_shift import TemporalShift
from kpp_tf.layers.tsm_resnet import TSMResNet

__all__ = [
    "AllocatedWriter",
    "Allocator",
    "BlockReader",
    "DenseDecoder",
    "GaussianHead",
    "ImageDecoder",
    "PooledWriter",
    "ResidualBlock",
    "TSMResNet",
    "TemporalShift",
    "block_weights",
    "make_decoder",
]
