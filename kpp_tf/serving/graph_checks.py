"""Checks of a request's inputs inside the graph, with messages that name the input.

They survive in the SavedModel, where no Python of this package runs: a server answers
a malformed request with the message instead of a shape error from somewhere within.
"""

from collections.abc import Sequence

import tensorflow as tf

# Bounds on what one request may ask for; a server that batches stays below them too.
MAX_BATCH = 256
MAX_LENGTH = 1024


def checked(
    value: tf.Tensor,
    name: str,
    shape: Sequence[int | None],
    low: float | None = None,
    high: float | None = None,
) -> tf.Tensor:
    """Returns `value`, once its shape and its numbers have been checked.

    Args:
      value: an input of a signature, float32 or int32.
      name: what the signature calls it; every message starts with it.
      shape: expected; None in the first place is the batch (1 to `MAX_BATCH`), None in
        another is a length (0 to `MAX_LENGTH`).
      low: least number allowed.
      high: greatest number allowed.

    Returns:
      The same tensor, of static shape `shape`; evaluating it raises
      InvalidArgumentError where a check fails.
    """
    # A server may feed any shape; behind this op nothing is folded from the static one.
    value = tf.raw_ops.PlaceholderWithDefault(input=value, shape=None)
    received = tf.shape(value)
    asserts = [_shape_assert(name, shape, received)]
    sizes = _first(received, len(shape))
    batch = "batch (first dimension)"
    asserts.append(_size_assert(name, batch, sizes[0], 1, MAX_BATCH))
    if None in shape[1:]:
        asserts.append(_size_assert(name, "length", sizes[1], 0, MAX_LENGTH))
    with tf.control_dependencies(asserts):
        value = tf.identity(value)
    if value.dtype.is_floating or low is not None:
        with tf.control_dependencies([_range_assert(name, value, low, high)]):
            value = tf.identity(value)
    return tf.ensure_shape(value, shape)


def same_batch(**values: tf.Tensor) -> list[tf.Tensor]:
    """Returns the tensors in their order, once their batches are known to be equal."""
    (first, *names), (leader, *others) = values.keys(), values.values()
    asserts = [
        tf.debugging.Assert(
            tf.equal(tf.shape(other)[0], tf.shape(leader)[0]),
            [
                f"{name} must have as many rows as {first}. Received rows:",
                tf.shape(other)[0],
                "and",
                tf.shape(leader)[0],
            ],
        )
        for name, other in zip(names, others, strict=True)
    ]
    with tf.control_dependencies(asserts):
        return [tf.identity(value) for value in (leader, *others)]


def _shape_assert(name, shape, received):
    free = "BT"
    text = ", ".join(free[i] if d is None else str(d) for i, d in enumerate(shape))
    fixed = [axis for axis, size in enumerate(shape) if size is not None]
    wanted = tf.constant([shape[axis] for axis in fixed], tf.int32)
    sizes = tf.gather(_first(received, len(shape)), tf.constant(fixed, tf.int32))
    right = tf.logical_and(
        tf.equal(tf.size(received), len(shape)), tf.reduce_all(tf.equal(sizes, wanted))
    )
    return tf.debugging.Assert(
        right,
        [f"{name} must have shape [{text}]. Received shape:", received],
        summarize=8,
    )


def _first(received, count):
    """The first `count` sizes of a shape of any rank; 0 where it has fewer."""
    return tf.pad(received, [[0, count]])[:count]


def _size_assert(name, what, size, least, most):
    return tf.debugging.Assert(
        tf.logical_and(size >= least, size <= most),
        [f"{name} must have a {what} of {least} to {most}. Received:", size],
    )


def _range_assert(name, value, low, high):
    # NaN fails every comparison, and infinity one of them.
    low = value.dtype.min if low is None else low
    high = value.dtype.max if high is None else high
    bounds = "finite numbers"
    if high < value.dtype.max:
        bounds = f"numbers in [{low:g}, {high:g}]"
    right = tf.reduce_all(tf.logical_and(value >= low, value <= high))
    return tf.debugging.Assert(
        right,
        [
            f"{name} must hold {bounds}. Received least and greatest:",
            tf.reduce_min(value),
            tf.reduce_max(value),
        ],
    )
