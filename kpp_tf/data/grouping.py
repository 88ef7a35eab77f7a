"""Which images make an episode: any, those of one class, or a walk's in a row."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from absl import logging
from ml_collections import ConfigDict

from kpp_tf.data import shuffling
from kpp_tf.data.image_table import ImageTable
from kpp_tf.errors import UserError


def training_rows(
    table: ImageTable, data_config: ConfigDict, seed: int, length: int
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Chooses the images of training episodes; see `episodes.training_episodes`.

    Args:
      table: the split.
      data_config: `config.data`; uses `grouping` and `replacement`.
      seed: of the run.
      length: T.

    Returns:
      A function from an episode's number and the training position of its first image,
      both int64 [], to rows of the table, int64 [T].

    Raises:
      UserError: if the table has no such episodes; the message says why.
    """
    _check(data_config, length)
    grouping = data_config.grouping
    within = tf.range(length, dtype=tf.int64)

    if grouping == "uniform":
        count = len(table)
        if count < length:
            raise UserError(
                f"The {table.split!r} split of {table.name!r} has {count} images, too "
                "few for one episode. Lower config.data.episode_length, or add images. "
                f"Received: episode_length={length}"
            )
        return lambda _, first: shuffling.epoch_order(seed, first + within, count)

    if grouping == "consecutive":
        walks = table.group_labels("class")
        starts = np.flatnonzero(walks[: -(length - 1) or None] == walks[length - 1 :])
        if not len(starts):
            raise UserError(
                f"No walk in the {table.split!r} split of {table.name!r} has "
                f"{length} images in a row. Lower config.data.episode_length. "
                f"Received: episode_length={length}, grouping='consecutive'"
            )
        starts = _on_cpu(starts)

        def consecutive(episode: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
            start = shuffling.epoch_order(seed, episode[None], starts.shape[0])
            return tf.gather(starts, start) + within

        return consecutive

    # The next image in the epoch's order gives the class, so that classes come up in
    # proportion to their images.
    classes = _Classes.of(table, data_config, length, np.arange(len(table)))
    members, kind = _on_cpu(classes.members), _on_cpu(classes.kind)
    firsts, sizes = _on_cpu(classes.firsts), _on_cpu(classes.sizes)

    def of_one_class(episode: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
        anchor = shuffling.epoch_order(seed, episode[None], members.shape[0])[0]
        size = sizes[kind[anchor]]
        key = shuffling.stream(seed, shuffling.MEMBERS, episode)
        if data_config.replacement:
            place = tf.random.stateless_uniform(
                [length], key, 0, size, tf.int64, alg="philox"
            )
        else:
            key = tf.concat([key, [0]], axis=0)[None]
            place = shuffling.shuffled(within, size, tf.repeat(key, length, axis=0))
        return tf.gather(members, firsts[kind[anchor]] + place)

    return of_one_class


def partition(table: ImageTable, data_config: ConfigDict, seed: int) -> np.ndarray:
    """Cuts a split into episodes for evaluation.

    Args:
      table: the split.
      data_config: `config.data`; uses `episode_length`, `grouping` and `replacement`.
      seed: chooses the permutation (of the images, and of the episodes too where
        they are grouped), or the draws.

    Returns:
      int64 [E, T]: rows of the table, -1 for padding. Without replacement each row
      appears once; with it each class has the same number of episodes as without.

    Raises:
      UserError: if the table has no such episodes; the message says why.
    """
    length = int(data_config.episode_length)
    _check(data_config, length)
    grouping = data_config.grouping
    order = shuffling.permutation(len(table), seed, 0)
    if grouping == "uniform":
        groups = [order]
        if len(order) < length:
            logging.warning(
                "The %r split of %r has %d images, fewer than the %d of an episode: "
                "the memory that is measured holds %d",
                *(table.split, table.name, len(order), length, len(order)),
            )
    elif grouping == "consecutive":
        labels = table.group_labels("class")
        groups = np.split(np.arange(len(table)), np.flatnonzero(np.diff(labels)) + 1)
    else:
        classes = _Classes.of(table, data_config, length, order)
        groups = np.split(classes.members, classes.firsts[1:])
    counts = [-(-len(group) // length) for group in groups]
    if data_config.replacement:
        shape = (sum(counts), length)
        words = np.random.Philox(key=[seed % 2**64, 2]).random_raw(shape)
        sizes = np.repeat(classes.sizes.astype(np.uint64), counts)[:, None]
        firsts = np.repeat(classes.firsts, counts)[:, None]
        episodes = classes.members[firsts + (words % sizes).astype(np.int64)]
    else:
        episodes = np.full((sum(counts), length), -1, np.int64)
        last = np.cumsum(counts)
        for group, end, count in zip(groups, last, counts, strict=True):
            episodes[end - count : end].reshape(-1)[: len(group)] = group
    if grouping != "uniform":
        # So that a part of the pass is a fair sample of classes.
        episodes = episodes[shuffling.permutation(len(episodes), seed, 1)]
    return episodes


class _Classes(NamedTuple):
    """A table by class.

    Attributes:
      members: int64 [N], its rows, class by class.
      kind: int64 [N], the number of each row's class.
      sizes, firsts: int64 [classes], number and first place of a class in `members`.
    """

    members: np.ndarray
    kind: np.ndarray
    sizes: np.ndarray
    firsts: np.ndarray

    @classmethod
    def of(
        cls, table: ImageTable, data_config: ConfigDict, length: int, order: np.ndarray
    ) -> "_Classes":
        """Sorts a table by class; within a class rows keep the order of `order`.

        Raises:
          UserError: if a class is too small for an episode without replacement.
        """
        grouping = data_config.grouping
        labels = table.group_labels(grouping)
        known, kind, sizes = np.unique(labels, return_inverse=True, return_counts=True)
        smallest = int(sizes.argmin())
        if sizes[smallest] < length and not data_config.replacement:
            raise UserError(
                f"The {grouping} {table.label_name(grouping, known[smallest])} in the "
                f"{table.split!r} split of {table.name!r} has {sizes[smallest]} "
                f"images, too few for an episode of {length} without replacement. "
                "Lower config.data.episode_length, add images, or draw them with "
                "config.data.replacement=True. "
                f"Received: episode_length={length}, grouping={grouping!r}"
            )
        if len(known) == 1:
            logging.warning(
                "All images of %r have the same %s: episodes are as with "
                "config.data.grouping='uniform'",
                *(table.name, grouping),
            )
        members = order[np.argsort(kind[order], kind="stable")]
        return cls(members, kind, sizes, np.cumsum(sizes) - sizes)


def _check(data_config: ConfigDict, length: int) -> None:
    if length < 1:
        raise UserError(
            "An episode has at least one image. "
            f"Received: config.data.episode_length={length}"
        )
    if data_config.replacement and data_config.grouping in ("uniform", "consecutive"):
        raise UserError(
            "config.data.replacement is for episodes of one class. "
            f"Received: config.data.grouping={data_config.grouping!r}"
        )


def _on_cpu(array: np.ndarray) -> tf.Tensor:
    with tf.device("CPU:0"):
        return tf.constant(array, tf.int64)
