"""Checks a request's inputs inside the graph, with messages that name the input.

The SavedModel keeps these checks, although none of this package's Python runs there: a
server answers a malformed request with the message instead of an obscure shape error.
"""

from collections.abc import Mapping, Sequence

import tensorflow as tf

from kpp_tf.serving.specs import Field

# Largest request; a server that merges requests stays below these bounds too.
MAX_BATCH = 256
MAX_LENGTH = 1024


def checked(
    values: Sequence[tf.Tensor], fields: Mapping[str, Field]
) -> list[tf.Tensor]:
    """Returns a request's inputs after checking them.

    Args:
      values: in the order of `fields`.
      fields: the inputs by name; every message starts with a name. None is the batch
        in the first place of a shape (1 to `MAX_BATCH`, the same for all inputs), and
        a length in another (0 to `MAX_LENGTH`).

    Returns:
      The same tensors with the fields' static shapes; evaluating them raises
      InvalidArgumentError if a check fails.
    """
    values = [
        _checked(value, name, field)
        for value, (name, field) in zip(values, fields.items(), strict=True)
    ]
    leader, first = tf.shape(values[0])[0], next(iter(fields))
    asserts = []
    for value, name in zip(values[1:], list(fields)[1:], strict=True):
        rows = tf.shape(value)[0]
        text = f"{name} must have as many rows as {first}. Received rows:"
        equal = tf.equal(rows, leader)
        asserts.append(tf.debugging.Assert(equal, [text, rows, "and", leader]))
    with tf.control_dependencies(asserts):
        return [tf.identity(value) for value in values]


def _checked(value: tf.Tensor, name: str, field: Field) -> tf.Tensor:
    shape = field.shape
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
    if value.dtype.is_floating or field.low is not None:
        in_range = _range_assert(name, value, field.low, field.high)
        with tf.control_dependencies([in_range]):
            value = tf.identity(value)
    return tf.ensure_shape(value, shape)


def _shape_assert(
    name: str, shape: Sequence[int | None], received: tf.Tensor
) -> tf.Operation:
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


def _first(received: tf.Tensor, count: int) -> tf.Tensor:
    """The first `count` sizes of a shape of any rank; 0 where it has fewer."""
    return tf.pad(received, [[0, count]])[:count]


def _size_assert(
    name: str, what: str, size: tf.Tensor, least: int, most: int
) -> tf.Operation:
    return tf.debugging.Assert(
        tf.logical_and(size >= least, size <= most),
        [f"{name} must have a {what} of {least} to {most}. Received:", size],
    )


def _range_assert(
    name: str, value: tf.Tensor, low: float | None, high: float | None
) -> tf.Operation:
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
