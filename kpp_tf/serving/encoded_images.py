"""PNG and JPEG files as a request's images, decoded in the graph.

As own images are: alpha is laid over white, the orientation of EXIF is applied, the
middle is cropped and resized. Black is not made white, whatever `data.invert` was.
"""

from collections.abc import Sequence

import tensorflow as tf

from kpp_tf.data import WHITE_FROM
from kpp_tf.data.own import pixels

# A small file may unfold into gigabytes.
MAX_SIDE = 4096
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
# The longest value that is read of a header, so that no slice passes the end.
_PADDING = 24
_MAX_PARTS = 20_000  # a PNG of `MAX_SIDE` has some 8,000


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
    height, width, channels = image_shape
    shape = (height, width, channels)
    images = tf.map_fn(
        lambda content: _image(content, shape),
        tf.reshape(encoded, [-1]),
        fn_output_signature=tf.TensorSpec(shape, tf.uint8),
    )
    images = tf.reshape(images, tf.concat([tf.shape(encoded), shape], axis=0))
    if levels == 2:
        return tf.cast(images >= WHITE_FROM, tf.float32)
    return tf.cast(images, tf.float32) / 255.0


def _image(content: tf.Tensor, shape: tuple[int, int, int]) -> tf.Tensor:
    is_png, is_jpeg = _starts(content, _PNG), _starts(content, _JPEG)
    sides = tf.case(
        [
            (is_png, lambda: _png_sides(content)),
            (is_jpeg, lambda: tf.io.extract_jpeg_shape(content)[:2]),
        ],
        default=lambda: tf.zeros([2], tf.int32),
    )
    fits = tf.reduce_all((sides >= 1) & (sides <= MAX_SIDE))
    message = f"encoded must hold PNG or JPEG files, 1 to {MAX_SIDE} pixels a side. "
    with tf.control_dependencies(
        [tf.debugging.Assert(fits, [f"{message}Received sides:", sides])]
    ):
        image = tf.cond(is_png, lambda: _png(content), lambda: _jpeg(content))
    image = _turned(image, _orientation(content, is_png))
    image = tf.ensure_shape(image, (None, None, 4))
    return tf.ensure_shape(pixels.fit(image, shape), shape)


def _png(content: tf.Tensor) -> tf.Tensor:
    image = tf.io.decode_png(content, channels=4)
    # Of a file of 1, 2 or 4 bits without alpha TensorFlow makes alpha 1, 3 or 15.
    depth = tf.io.decode_raw(tf.strings.substr(content, 24, 1), tf.uint8)[0]
    depth = tf.cast(depth, tf.int32)
    alpha = image[..., 3:]
    opaque = tf.reduce_all(tf.cast(alpha, tf.int32) == 2**depth - 1)
    opaque &= depth < 8
    alpha = tf.where(
        opaque, tf.fill(tf.shape(alpha), tf.constant(255, tf.uint8)), alpha
    )
    return tf.concat([image[..., :3], alpha], axis=-1)


def _jpeg(content: tf.Tensor) -> tf.Tensor:
    # As accurate as Pillow, which decodes own images.
    image = tf.io.decode_jpeg(content, channels=3, dct_method="INTEGER_ACCURATE")
    return tf.pad(image, [[0, 0], [0, 0], [0, 1]], constant_values=255)


def _turned(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """An image as viewers show it, by the number 1 to 8 of EXIF."""
    image = tf.cond(
        orientation >= 5, lambda: tf.transpose(image, [1, 0, 2]), lambda: image
    )
    for axis, mirrored in ((1, (2, 3, 6, 7)), (0, (3, 4, 7, 8))):
        turns = tf.reduce_any(tf.equal(orientation, mirrored))
        step = tf.where(turns, -1, 1)
        size = tf.shape(image)[axis]
        rows = tf.where(turns, size - 1, 0) + step * tf.range(size)
        image = tf.gather(image, rows, axis=axis)
    return image


def _orientation(content: tf.Tensor, is_png: tf.Tensor) -> tf.Tensor:
    """The orientation that a file's EXIF says, 1 to 8; 1 where it says none."""
    size = tf.strings.length(content)
    padded = tf.strings.join([content, b"\0" * _PADDING])

    def number(at: tf.Tensor, count: int, big_endian: tf.Tensor | bool) -> tf.Tensor:
        """An unsigned number of 2 or 4 bytes; what is too large is past the end."""
        at = tf.clip_by_value(at, 0, size)
        values = tf.cast(
            tf.io.decode_raw(tf.strings.substr(padded, at, count), tf.uint8), tf.int64
        )
        values = tf.where(big_endian, values[::-1], values)
        value = tf.reduce_sum(values * 256 ** tf.range(count, dtype=tf.int64))
        return tf.cast(tf.minimum(value, tf.int64.max // 2**33), tf.int32)

    def text(at: tf.Tensor, value: bytes) -> tf.Tensor:
        at = tf.clip_by_value(at, 0, size)
        return tf.equal(tf.strings.substr(padded, at, len(value)), value)

    # Segments of a JPEG are FF, a kind, a length, data; chunks of a PNG a length, a
    # kind, data, a checksum. Walk them to the one of EXIF, or to the end.
    def is_exif(at: tf.Tensor) -> tf.Tensor:
        jpeg = text(at, b"\xff\xe1") & text(at + 4, b"Exif\0\0")
        return tf.where(is_png, text(at + 4, b"eXIf"), jpeg)

    def following(at: tf.Tensor) -> tf.Tensor:
        step = tf.where(is_png, number(at, 4, True) + 12, number(at + 2, 2, True) + 2)
        goes_on = is_png | (text(at, b"\xff") & ~text(at, b"\xff\xda"))
        return tf.where(goes_on & (step < size - at), at + step, size)

    (exif,) = tf.while_loop(
        lambda at: (at < size) & ~is_exif(at),
        lambda at: (following(at),),
        (tf.where(is_png, 8, 2),),
        maximum_iterations=_MAX_PARTS,
    )
    # A TIFF header: byte order, 42, where the directory is; 12 bytes an entry there.
    start = exif + tf.where(is_png, 8, 10)
    big = text(start, b"MM")
    directory = start + number(start + 4, 4, big)
    entries = tf.minimum(number(directory, 2, big), 512)
    tag = 0x0112
    (entry,) = tf.while_loop(
        lambda row: (row < entries) & (number(directory + 2 + 12 * row, 2, big) != tag),
        lambda row: (row + 1,),
        (0,),
    )
    value = number(directory + 10 + 12 * entry, 2, big)
    is_one = is_exif(exif) & (entry < entries) & (value >= 1) & (value <= 8)
    return tf.where(is_one, value, 1)


def _starts(content: tf.Tensor, magic: bytes) -> tf.Tensor:
    return tf.equal(tf.strings.substr(content, 0, len(magic)), magic)


def _png_sides(content: tf.Tensor) -> tf.Tensor:
    """Width and height, which every PNG file has at its bytes 16 to 24."""
    header = tf.strings.substr(tf.strings.join([content, b"\0" * _PADDING]), 16, 8)
    return tf.io.decode_raw(header, tf.int32, little_endian=False)
