"""Episodes of T images, each a stateless function of (seed, step).

Nothing is shuffled through a buffer. Training position p, counted from the start of
the run, is image `shuffle(p mod N)` of epoch `p div N`, where `shuffle` is a
bijection of 0..N-1 keyed by (seed, epoch). So every epoch sees every image once,
any step can be computed without those before it (to resume), and any row without
its neighbours (to shard).
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from ml_collections import ConfigDict

from kpp_tf.data import augmentation, grouping
from kpp_tf.data.streams import AUGMENT, BINARIZE, MODEL, stream
from kpp_tf.data.table import ImageTable
from kpp_tf.errors import UserError


class Episodes(NamedTuple):
    """A batch of B episodes of T images.

    Attributes:
      images: float32 [B, T, H, W, C] in [0, 1]; zero where padded.
      mask: float32 [B, T]: 1 for an image, 0 for padding.
      index: int64 [B, T]: the image's row in the table; -1 for padding.
      seeds: int32 [B, 2]: a stateless seed an episode, a function of the pipeline's
        seed and the episode's number (step * B + row) only.
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
        drawn without replacement, or with it if `replacement` says so; a class comes
        up as often as its share of the images;
      "consecutive": T images in a row of one walk (of one class), from any start.

    Args:
      table: the split.
      data_config: `config.data`; uses `episode_length`, `episodes_per_batch` (of all
        shards together), `grouping`, `replacement`, `augment` and `binarize`.
      seed: the run's seed.
      first_step: the step to begin with; a run resumed there sees the same batches.
      shard: which part of every batch to produce.
      num_shards: number of parts. Part k of n has rows k*B/n to (k+1)*B/n of the
        batch that one shard alone would produce.

    Returns:
      A dataset of `Episodes`; batch i is step `first_step + i`.

    Raises:
      UserError: if the config cannot be satisfied; the message says why.
    """
    batch = int(data_config.episodes_per_batch)
    rows = _rows(batch, shard, num_shards)
    choose = grouping.training_rows(table, data_config, seed)
    augment = augmentation.parse(data_config.augment, table)

    def episode_number(position):
        return (position // rows) * batch + shard * rows + position % rows

    def make(position):
        episode = episode_number(position)
        return episode, choose(episode)

    start = int(first_step) * rows
    dataset = tf.data.Dataset.counter(start=tf.constant(start, tf.int64)).map(make)
    return _finish(dataset, table, data_config, seed, rows, augment)


def evaluation_episodes(
    table: ImageTable, data_config: ConfigDict, *, episodes_per_batch: int, seed: int
) -> tf.data.Dataset:
    """One pass over a split, every image exactly once (but see `replacement`).

    `grouping.partition` cuts the split into episodes of T images, each of one class
    where `data_config.grouping` asks for that. Episodes that come out short and the
    last batch are padded; `mask` says where. Images are never augmented.

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
    return _finish(dataset, table, data_config, seed, episodes_per_batch, augment=None)


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
            f"A batch of {batch} episodes cannot be shared equally by {num_shards} "
            "shards. Make episodes_per_batch a multiple of the number of shards. "
            f"Received: episodes_per_batch={batch}, num_shards={num_shards}"
        )
    return batch // num_shards


def _finish(dataset, table, data_config, seed, rows, augment) -> tf.data.Dataset:
    """(episode number, index [T]) -> batches of `Episodes`."""
    gather = _gatherer(table)
    binarize = data_config.binarize == "dynamic"

    def load(episode, index):
        images = gather(tf.maximum(index, 0))
        if augment is not None:
            images = augment(images, stream(seed, AUGMENT, episode))
        if binarize:
            images = _sample_bits(images, stream(seed, BINARIZE, episode))
        real = tf.cast(index >= 0, images.dtype)
        images *= real[:, None, None, None]
        seeds = tf.random.stateless_uniform(
            [2], stream(seed, MODEL, episode), None, None, tf.int32, alg="philox"
        )
        return images, index, seeds

    def to_unit_interval(images, index, seeds):
        return Episodes(
            images=tf.cast(images, tf.float32) / 255.0,
            mask=tf.cast(index >= 0, tf.float32),
            index=index,
            seeds=seeds,
        )

    options = tf.data.Options()
    options.deterministic = True
    # Sharding is exact and done above; none is to be added under a strategy.
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.OFF
    )
    dataset = dataset.map(load, num_parallel_calls=tf.data.AUTOTUNE)
    dataset = dataset.batch(rows, drop_remainder=True)
    dataset = dataset.map(to_unit_interval, num_parallel_calls=tf.data.AUTOTUNE)
    return dataset.with_options(options).prefetch(tf.data.AUTOTUNE)


def _gatherer(table: ImageTable):
    """The function from rows int64 [T] to images uint8 [T, H, W, C]."""
    if not isinstance(table.images, np.memmap):
        with tf.device("CPU:0"):
            images = tf.constant(table.images)
        return lambda index: tf.gather(images, index)

    def from_disk(index):
        images = tf.numpy_function(
            lambda rows: table.images[rows], [index], tf.uint8, stateful=False
        )
        return tf.ensure_shape(images, (index.shape[0], *table.image_shape))

    return from_disk


def _sample_bits(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Bernoulli draws with the grey values as probabilities; {0, 255} uint8."""
    # Integer u in [0, 255) is below v with probability v / 255, exactly.
    u = tf.random.stateless_uniform(
        tf.shape(images), seed, 0, 255, tf.int32, alg="philox"
    )
    return tf.cast(tf.cast(images, tf.int32) > u, tf.uint8) * 255
