"""Keras layers of Kanerva++ and of the models that it is compared with."""

from kpp_tf.layers.allocator import Allocator
from kpp_tf.layers.block_reader import BlockReader, block_weights
from kpp_tf.layers.convolutional_decoder import ConvolutionalDecoder
from kpp_tf.layers.dense_decoder import DenseDecoder
from kpp_tf.layers.gaussian_head import GaussianHead
from kpp_tf.layers.make_decoder import make_decoder
from kpp_tf.layers.memory_writers import AllocatedWriter, PooledWriter
from kpp_tf.layers.residual_block import ResidualBlock
from kpp_tf.layers.temporal_shift import TemporalShift
from kpp_tf.layers.tsm_resnet import TSMResNet

__all__ = [
    "AllocatedWriter",
    "Allocator",
    "BlockReader",
    "ConvolutionalDecoder",
    "DenseDecoder",
    "GaussianHead",
    "PooledWriter",
    "ResidualBlock",
    "TSMResNet",
    "TemporalShift",
    "block_weights",
    "make_decoder",
]
