"""Episodes of T images, each a stateless function of (seed, step).

Images are not shuffled through a buffer. Training position p, counted from the start
of the run, shows image `shuffle(p mod N)` in epoch `p div N`, where `shuffle` is a
bijection of 0..N-1 keyed by (seed, epoch). So every epoch sees every image once, any
step can be computed without the steps before it (to resume), and any episode without
its neighbours (to shard).
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from ml_collections import ConfigDict

from kpp_tf.data import augmentation, grouping
from kpp_tf.data.image_table import ImageTable
from kpp_tf.data.shuffling import AUGMENT, BINARIZE, LENGTH, MODEL, stream
from kpp_tf.errors import UserError


class Episodes(NamedTuple):
    """A batch of B episodes of T images.

    Attributes:
      images: float32 [B, T, H, W, C] in [0, 1]; zero where padded.
      mask: float32 [B, T]: 1 for an image, 0 for padding.
      index: int64 [B, T]: the image's row in the table; -1 for padding.
      seeds: int32 [B, 2]: a stateless seed for each episode, a function of the
        pipeline's seed and the episode's number (step * B + row) only.
    """

    images: tf.Tensor
    mask: tf.Tensor
    index: tf.Tensor
    seeds: tf.Tensor


def training_episodes(
    table: ImageTable,
    data_config: ConfigDict,
    *,
    seed: int,
    first_step: int = 0,
    shard: int = 0,
    num_shards: int = 1,
) -> tf.data.Dataset:
    """Endless batches of training episodes.

    `data_config.grouping` says what an episode is:
      "uniform": any T images of the split;
      "class" (or a group of the table, such as "alphabet"): T images of one class,
        drawn without replacement, or with it if `replacement` is set; a class comes
        up in proportion to its images;
      "consecutive": T images in a row of one walk (one class), from any start.

    With `episode_lengths` every step draws its T from them, each entry with the same
    probability, and has as many images as `episodes_per_batch` episodes of
    `episode_length`.

    Args:
      table: the split.
      data_config: `config.data`; uses `episode_length`, `episodes_per_batch` (of all
        shards together), `episode_lengths`, `grouping`, `replacement`, `augment` and
        `binarize`.
      seed: the run's seed.
      first_step: the step to begin with; a run resumed there sees the same batches.
      shard: which part of every batch to produce.
      num_shards: number of parts. Part k of n has rows k*B/n to (k+1)*B/n of the
        batch that one shard alone would produce.

    Returns:
      A dataset of `Episodes`; batch i is step `first_step + i`. With `episode_lengths`
      B and T vary between the batches, and the dataset's shapes do not name them.

    Raises:
      UserError: if the config cannot be satisfied; the message says why.
    """
    augment = augmentation.parse(data_config.augment, table)
    shapes = _shapes(data_config)
    # Every step numbers its episodes as if it had the most, so that numbers are unique.
    most = max(batch for batch, _ in shapes)

    def cutter(
        batch: int, length: int
    ) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
        rows = _rows(batch, shard, num_shards)
        choose = grouping.training_rows(table, data_config, seed, length)
        row = shard * rows + tf.range(rows, dtype=tf.int64)

        def cut(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            numbers, firsts = step * most + row, (step * batch + row) * length
            index = tf.map_fn(
                lambda of_one: choose(*of_one),
                (numbers, firsts),
                fn_output_signature=tf.TensorSpec([length], tf.int64),
            )
            return numbers, index

        return cut

    cutters = [cutter(*shape) for shape in shapes]

    def cut(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        if len(cutters) == 1:
            return cutters[0](step)
        drawn = tf.random.stateless_uniform(
            [], stream(seed, LENGTH, step), 0, len(cutters), tf.int32, alg="philox"
        )
        return tf.switch_case(drawn, [functools.partial(c, step) for c in cutters])

    steps = tf.data.Dataset.counter(start=tf.constant(int(first_step), tf.int64))
    return _assembled(steps.map(cut), table, data_config, seed, augment)


def evaluation_episodes(
    table: ImageTable, data_config: ConfigDict, *, episodes_per_batch: int, seed: int
) -> tf.data.Dataset:
    """One pass over a split, every image exactly once (but see `replacement`).

    `grouping.partition` cuts the split into episodes of T images, each of one class
    where `data_config.grouping` asks for that. Short episodes and the last batch are
    padded; `mask` says where. Images are never augmented.

    Args:
      table: the split.
      data_config: `config.data`; uses `episode_length`, `grouping`, `replacement` and
        `binarize`.
      episodes_per_batch: B.
      seed: chooses the partition, the binarization and the episodes' seeds.

    Returns:
      A dataset of `Episodes` of known cardinality.

    Raises:
      UserError: if the config cannot be satisfied; the message says why.
    """
    members = grouping.partition(table, data_config, seed)
    missing = -len(members) % episodes_per_batch
    padded = np.pad(members, [[0, missing], [0, 0]], constant_values=-1)
    with tf.device("CPU:0"):
        dataset = tf.data.Dataset.from_tensor_slices((np.arange(len(padded)), padded))
    dataset = dataset.batch(episodes_per_batch, drop_remainder=True)
    return _assembled(dataset, table, data_config, seed, augment=None)


def _shapes(data_config: ConfigDict) -> list[tuple[int, int]]:
    """(B, T) of the batches from which a training step draws its own."""
    batch, length = int(data_config.episodes_per_batch), int(data_config.episode_length)
    lengths = tuple(data_config.episode_lengths)
    if any(type(n) is not int or n < 1 or batch * length % n for n in lengths):
        raise UserError(
            "config.data.episode_lengths are whole numbers that divide the number of "
            f"images a step, episode_length x episodes_per_batch = {batch * length}. "
            f"Received: {lengths}"
        )
    return [(batch * length // n, n) for n in lengths] or [(batch, length)]


def _rows(batch: int, shard: int, num_shards: int) -> int:
    """Rows of a batch that each shard produces."""
    if batch < 1 or num_shards < 1 or not 0 <= shard < num_shards:
        raise UserError(
            "Expected at least one episode a batch and 0 <= shard < num_shards. "
            f"Received: episodes_per_batch={batch}, shard={shard}, "
            f"num_shards={num_shards}"
        )
    if batch % num_shards:
        raise UserError(
            f"A batch of {batch} episodes cannot be divided equally among {num_shards} "
            "shards. Make episodes_per_batch a multiple of the number of shards. "
            f"Received: episodes_per_batch={batch}, num_shards={num_shards}"
        )
    return batch // num_shards


def _assembled(
    dataset: tf.data.Dataset,
    table: ImageTable,
    data_config: ConfigDict,
    seed: int,
    augment: augmentation.Augmentation | None,
) -> tf.data.Dataset:
    """Batches of (episode numbers [B], rows [B, T]) -> batches of `Episodes`."""
    gather = _gatherer(table)
    binarize = data_config.binarize == "dynamic"

    def changed(of_one: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        images, number = of_one
        if augment is not None:
            images = augment(images, stream(seed, AUGMENT, number))
        if binarize:
            images = _sample_bits(images, stream(seed, BINARIZE, number))
        return images

    def model_seed(number: tf.Tensor) -> tf.Tensor:
        key = stream(seed, MODEL, number)
        return tf.random.stateless_uniform([2], key, None, None, tf.int32, alg="philox")

    def load(numbers: tf.Tensor, index: tf.Tensor) -> Episodes:
        images = gather(tf.maximum(index, 0))
        if augment is not None or binarize:
            one = tf.TensorSpec(images.shape[1:], tf.uint8)
            images = tf.map_fn(changed, (images, numbers), fn_output_signature=one)
        real = tf.cast(index >= 0, tf.float32)
        seeds = tf.map_fn(
            model_seed, numbers, fn_output_signature=tf.TensorSpec([2], tf.int32)
        )
        images = tf.cast(images, tf.float32) / 255.0 * real[..., None, None, None]
        return Episodes(images, real, index, seeds)

    options = tf.data.Options()
    options.deterministic = True
    # Sharding is exact and done above; a strategy must not add its own.
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.OFF
    )
    dataset = dataset.map(load, num_parallel_calls=tf.data.AUTOTUNE)
    return dataset.with_options(options).prefetch(tf.data.AUTOTUNE)


def _gatherer(table: ImageTable) -> Callable[[tf.Tensor], tf.Tensor]:
    """A function from rows int64 [B, T] to images uint8 [B, T, H, W, C]."""
    if not isinstance(table.images, np.memmap):
        with tf.device("CPU:0"):
            images = tf.constant(table.images)
        return lambda index: tf.gather(images, index)

    def from_disk(index: tf.Tensor) -> tf.Tensor:
        images = tf.numpy_function(
            lambda rows: table.images[rows], [index], tf.uint8, stateful=False
        )
        return tf.ensure_shape(images, (*index.shape, *table.image_shape))

    return from_disk


def _sample_bits(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Bernoulli draws with the grey values as probabilities; {0, 255} uint8."""
    # Integer u in [0, 255) is below v with probability v / 255, exactly.
    u = tf.random.stateless_uniform(
        tf.shape(images), seed, 0, 255, tf.int32, alg="philox"
    )
    return tf.cast(tf.cast(images, tf.int32) > u, tf.uint8) * 255
