"""PNG and JPEG files as a request's images, decoded in the graph."""

from collections.abc import Sequence

import tensorflow as tf

from kpp_tf.data import WHITE_FROM, fitting

# A small file may unfold into gigabytes.
MAX_SIDE = 4096
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"


def decoded(encoded: tf.Tensor, image_shape: Sequence[int], levels: int) -> tf.Tensor:
    """Images of files, cropped and resized as own images are.

    Args:
      encoded: string [B, T], each the bytes of a PNG or JPEG file.
      image_shape: (H, W, C).
      levels: 2 makes pixels from the middle up white and the others black.

    Returns:
      float32 [B, T, H, W, C] in [0, 1]. Evaluating it raises InvalidArgumentError for
      other files, and for those with more than `MAX_SIDE` pixels a side.
    """
    shape = tuple(image_shape)
    images = tf.map_fn(
        lambda content: _image(content, shape),
        tf.reshape(encoded, [-1]),
        fn_output_signature=tf.TensorSpec(shape, tf.uint8),
    )
    images = tf.reshape(images, tf.concat([tf.shape(encoded), shape], axis=0))
    if levels == 2:
        return tf.cast(images >= WHITE_FROM, tf.float32)
    return tf.cast(images, tf.float32) / 255.0


def _image(content, shape):
    sides = tf.case(
        [
            (_starts(content, _PNG), lambda: _png_sides(content)),
            (_starts(content, _JPEG), lambda: tf.io.extract_jpeg_shape(content)[:2]),
        ],
        default=lambda: tf.zeros([2], tf.int32),
    )
    fits = tf.reduce_all((sides >= 1) & (sides <= MAX_SIDE))
    message = f"encoded must hold PNG or JPEG files, 1 to {MAX_SIDE} pixels a side. "
    with tf.control_dependencies(
        [tf.debugging.Assert(fits, [f"{message}Received sides:", sides])]
    ):
        image = tf.io.decode_image(content, 3, expand_animations=False)
    return tf.ensure_shape(
        fitting.fit(tf.ensure_shape(image, (None, None, 3)), shape), shape
    )


def _starts(content, magic):
    return tf.equal(tf.strings.substr(content, 0, len(magic)), magic)


def _png_sides(content):
    """Width and height, which every PNG file has at its bytes 16 to 24."""
    header = tf.strings.substr(tf.strings.join([content, b"\0" * 24]), 16, 8)
    return tf.io.decode_raw(header, tf.int32, little_endian=False)
