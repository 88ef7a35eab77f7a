"""Episodes of T images, each a stateless function of (seed, step).

Nothing is shuffled through a buffer. Training position p, counted from the start of
the run, is image `shuffle(p mod N)` of epoch `p div N`, where `shuffle` is a
bijection of 0..N-1 keyed by (seed, epoch). So every epoch sees every image once,
any step can be computed without those before it (to resume), and any row without
its neighbours (to shard).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from ml_collections import ConfigDict

from kpp_tf.data import augmentation
from kpp_tf.data.table import ImageTable

# What a random number is for; kept apart so that no two uses share a stream.
_MODEL, _ORDER, _MEMBERS, _BINARIZE, _AUGMENT = range(5)


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
        drawn without replacement, over again if the class has fewer than T; a
        class comes up as often as its share of the images;
      "consecutive": T images in a row of one walk (of one class), from any start.

    Args:
      table: the split.
      data_config: `config.data`; uses `episode_length`, `episodes_per_batch` (of all
        shards together), `grouping`, `augment` and `binarize`.
      seed: the run's seed.
      first_step: the step to begin with; a run resumed there sees the same batches.
      shard: which part of every batch to produce.
      num_shards: number of parts. Part k of n has rows k*B/n to (k+1)*B/n of the
        batch that one shard alone would produce.

    Returns:
      A dataset of `Episodes`; batch i is step `first_step + i`.

    Raises:
      ValueError: if the config cannot be satisfied; the message says why.
    """
    batch = int(data_config.episodes_per_batch)
    rows = _rows(batch, shard, num_shards)
    choose = _chooser(table, data_config, seed)
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
    table: ImageTable,
    data_config: ConfigDict,
    *,
    episodes_per_batch: int,
    seed: int,
    shard: int = 0,
    num_shards: int = 1,
) -> tf.data.Dataset:
    """One pass over a split, every image exactly once.

    A seeded permutation is cut into episodes of T images, each of one class where
    `data_config.grouping` asks for that. Episodes that come out short and the last
    batch are padded; `mask` says where. Images are never augmented.

    Args:
      table: the split.
      data_config: `config.data`; uses `episode_length`, `grouping` and `binarize`.
      episodes_per_batch: B, of all shards together.
      seed: chooses the partition, the binarization and the episodes' seeds.
      shard: which part of every batch to produce.
      num_shards: number of parts.

    Returns:
      A dataset of `Episodes` of known cardinality, the same for every shard.

    Raises:
      ValueError: if the config cannot be satisfied; the message says why.
    """
    rows = _rows(episodes_per_batch, shard, num_shards)
    members = partition(table, data_config, seed)
    batches = -(-len(members) // episodes_per_batch)
    padded = np.full((batches * episodes_per_batch, members.shape[1]), -1, np.int64)
    padded[: len(members)] = members
    numbers = np.arange(len(padded)).reshape(batches, num_shards, rows)[:, shard]
    numbers = numbers.reshape(-1)
    with tf.device("CPU:0"):
        dataset = tf.data.Dataset.from_tensor_slices((numbers, padded[numbers]))
    return _finish(dataset, table, data_config, seed, rows, augment=None)


def partition(table: ImageTable, data_config: ConfigDict, seed: int) -> np.ndarray:
    """Cuts a split into episodes for evaluation.

    Args:
      table: the split.
      data_config: `config.data`; uses `episode_length` and `grouping`.
      seed: chooses the permutation (of the images, and of the episodes too where
        they are grouped).

    Returns:
      int64 [E, T]: rows of the table, -1 for padding; each row exactly once.
    """
    length = _episode_length(data_config)
    grouping = data_config.grouping
    order = _permutation(len(table), seed, 0)
    if grouping == "uniform":
        groups = [order]
    elif grouping == "consecutive":
        labels = table.group_labels("class")
        groups = _split_by(np.arange(len(table)), labels)
    else:
        groups = _split_by(order, table.group_labels(grouping))
    episodes = []
    for group in groups:
        short = -len(group) % length
        group = np.concatenate([group, np.full(short, -1, np.int64)])
        episodes.append(group.reshape(-1, length))
    episodes = np.concatenate(episodes)
    if grouping != "uniform":
        # So that a part of the pass is a fair sample of classes.
        episodes = episodes[_permutation(len(episodes), seed, 1)]
    return episodes


def _permutation(count: int, seed: int, use: int) -> np.ndarray:
    """A permutation of 0..count-1, the same with every version of NumPy."""
    words = np.random.Philox(key=[seed % 2**64, use]).random_raw(count)
    return np.argsort(words, kind="stable").astype(np.int64)


def _split_by(order: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
    """The rows of each class, by class, in the order given."""
    order = order[np.argsort(labels[order], kind="stable")]
    return np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)


def _rows(batch: int, shard: int, num_shards: int) -> int:
    """Rows of a batch that each shard produces."""
    if batch < 1 or num_shards < 1 or not 0 <= shard < num_shards:
        raise ValueError(
            "Expected at least one episode a batch and 0 <= shard < num_shards. "
            f"Received: episodes_per_batch={batch}, shard={shard}, "
            f"num_shards={num_shards}"
        )
    if batch % num_shards:
        raise ValueError(
            f"A batch of {batch} episodes cannot be shared equally by {num_shards} "
            "shards. Make episodes_per_batch a multiple of the number of shards. "
            f"Received: episodes_per_batch={batch}, num_shards={num_shards}"
        )
    return batch // num_shards


def _episode_length(data_config: ConfigDict) -> int:
    length = int(data_config.episode_length)
    if length < 1:
        raise ValueError(
            "An episode has at least one image. "
            f"Received: config.data.episode_length={length}"
        )
    return length


def _stream(seed: int, use: int, number: tf.Tensor) -> tf.Tensor:
    """A stateless seed for one use of randomness in one numbered thing."""
    key = tf.constant([seed % 2**31, use], tf.int64)
    return tf.random.experimental.stateless_fold_in(key, number, alg="philox")


def _shuffled(position: tf.Tensor, count, seed: tf.Tensor) -> tf.Tensor:
    """Where `position` of 0..count-1 goes under the bijection keyed by `seed`.

    Args:
      position: int64 [...].
      count: int64, scalar or of the shape of `position`.
      seed: int64 [..., 3].

    Returns:
      int64 [...].
    """
    # tf.random.experimental.index_shuffle wraps this, but takes one seed only, and
    # its 4 rounds leave the orders of neighbouring epochs correlated.
    return tf.raw_ops.RandomIndexShuffle(
        index=position, seed=seed, max_index=tf.cast(count, tf.int64) - 1, rounds=8
    )


def _epoch_order(seed: int, use: int, position: tf.Tensor, count: int) -> tf.Tensor:
    """Image of each training position; a fresh permutation every `count` of them."""
    epoch = position // count
    key = tf.stack(
        [
            tf.fill(tf.shape(epoch), tf.constant(seed % 2**31, tf.int64)),
            tf.fill(tf.shape(epoch), tf.constant(use, tf.int64)),
            epoch,
        ],
        axis=-1,
    )
    return _shuffled(position % count, count, key)


def _chooser(table: ImageTable, data_config: ConfigDict, seed: int):
    """The function from an episode's number to its rows of the table, int64 [T]."""
    length = _episode_length(data_config)
    count = len(table)
    grouping = data_config.grouping
    within = tf.range(length, dtype=tf.int64)

    if grouping == "uniform":
        return lambda episode: _epoch_order(
            seed, _ORDER, episode * length + within, count
        )

    if grouping == "consecutive":
        walks = table.group_labels("class")
        starts = np.flatnonzero(walks[: -(length - 1) or None] == walks[length - 1 :])
        if not len(starts):
            raise ValueError(
                f"No walk in the {table.split!r} split of {table.name!r} has "
                f"{length} images in a row. Shorten config.data.episode_length. "
                f"Received: episode_length={length}, grouping='consecutive'"
            )
        starts = _on_cpu(starts)

        def consecutive(episode):
            start = _epoch_order(seed, _ORDER, episode[None], starts.shape[0])
            return tf.gather(starts, start) + within

        return consecutive

    # The class is that of the next image in the epoch's order, so that classes come
    # up in proportion to their images.
    labels = table.group_labels(grouping)
    _, kind = np.unique(labels, return_inverse=True)
    members = _on_cpu(np.argsort(kind, kind="stable"))
    sizes = np.bincount(kind)
    firsts = _on_cpu(np.cumsum(sizes) - sizes)
    sizes, kind = _on_cpu(sizes), _on_cpu(kind)

    def of_one_class(episode):
        anchor = _epoch_order(seed, _ORDER, episode[None], count)[0]
        chosen = kind[anchor]
        size = sizes[chosen]
        key = _stream(seed, _MEMBERS, episode)
        # A class smaller than the episode is gone through again in a new order.
        key = tf.concat(
            [tf.repeat(key[None], length, axis=0), (within // size)[:, None]], axis=-1
        )
        return tf.gather(members, firsts[chosen] + _shuffled(within % size, size, key))

    return of_one_class


def _on_cpu(array: np.ndarray) -> tf.Tensor:
    with tf.device("CPU:0"):
        return tf.constant(array, tf.int64)


def _finish(dataset, table, data_config, seed, rows, augment) -> tf.data.Dataset:
    """(episode number, index [T]) -> batches of `Episodes`."""
    gather = _gatherer(table)
    binarize = data_config.binarize == "dynamic"

    def load(episode, index):
        images = gather(tf.maximum(index, 0))
        if augment is not None:
            images = augment(images, _stream(seed, _AUGMENT, episode))
        if binarize:
            images = _sample_bits(images, _stream(seed, _BINARIZE, episode))
        real = tf.cast(index >= 0, images.dtype)
        images *= real[:, None, None, None]
        seeds = tf.random.stateless_uniform(
            [2], _stream(seed, _MODEL, episode), None, None, tf.int32, alg="philox"
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
