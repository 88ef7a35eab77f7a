"""Files decoded in a graph are what Pillow and `own.decode` make of them."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from kpp_tf.data.own import decode, pixels
from kpp_tf.serving.encoded_images import decoded

SHAPE = (40, 48, 3)
RAMP = np.add.outer(3 * np.arange(40), 2 * np.arange(48)).astype(np.uint8)
COLOUR = np.stack([RAMP, RAMP[::-1], RAMP[:, ::-1]], -1)
ALPHA = np.random.default_rng(0).integers(0, 256, RAMP.shape).astype(np.uint8)


def _grey(image):
    return Image.fromarray(image)


KINDS = {
    "colour": (_grey(COLOUR), {}),
    "grey": (_grey(RAMP), {}),
    "black and white": (_grey(RAMP > 100), {}),
    "RGBA": (_grey(np.dstack([COLOUR, ALPHA])), {}),
    "LA": (_grey(np.dstack([RAMP, ALPHA])), {}),
    "palette of 16": (_grey(COLOUR).quantize(16), {}),
    "palette with a transparent colour": (
        _grey(COLOUR).quantize(16),
        {"transparency": 3},
    ),
    "palette with alphas": (
        _grey(COLOUR).quantize(200),
        {"transparency": bytes(range(200))},
    ),
    "grey with a transparent level": (_grey(RAMP), {"transparency": 30}),
    "ink on nothing": (
        _grey(np.dstack([0 * COLOUR, 255 * (RAMP > 99).astype(np.uint8)])),
        {},
    ),
}


@pytest.fixture(scope="module")
def graph():
    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.string)])
    def decode_all(encoded):
        return decoded(encoded, SHAPE, levels=256)

    return decode_all


def _bytes(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def _check(graph, content, tmp_path):
    """The graph against Pillow alone, then against what own images become."""
    with Image.open(io.BytesIO(content)) as image:
        turned = ImageOps.exif_transpose(image).convert("RGBA")
    white = Image.new("RGBA", turned.size, "white")
    white.alpha_composite(turned)
    got = 255 * graph(tf.constant([[content]]))[0, 0].numpy()
    if turned.size == (48, 40):
        assert np.abs(got - np.asarray(white)[..., :3]).max() <= 1.01  # it rounds twice
    path = tmp_path / "file"
    path.write_bytes(content)
    own = pixels.fit(tf.constant(decode.picture(path, 0).pixels), SHAPE)
    np.testing.assert_allclose(got, own, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_transparency_is_laid_over_white(graph, kind, tmp_path):
    image, options = KINDS[kind]
    _check(graph, _bytes(image, "PNG", **options), tmp_path)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_jpeg_has_pillows_pixels(graph, mode, tmp_path):
    _check(graph, _bytes(_grey(COLOUR).convert(mode), "JPEG", quality=80), tmp_path)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("endian", ["<", ">"])
@pytest.mark.parametrize("orientation", range(10))
def test_exif_turns_an_image(graph, orientation, endian, kind, tmp_path):
    exif = Image.Exif()
    exif.endian = endian
    exif[0x10F], exif[0x112] = "maker", orientation
    _check(graph, _bytes(_grey(COLOUR), kind, exif=exif), tmp_path)


def test_damaged_exif_turns_nothing(graph):
    exif = Image.Exif()
    exif[0x112] = 3
    content = _bytes(_grey(COLOUR), "JPEG", exif=exif)
    start = content.index(b"Exif\0\0") + 6
    plain = graph(tf.constant([[_bytes(_grey(COLOUR), "JPEG")]]))
    for bad in (b"MM\0*\xff\xff\xff\xff", b"II*\0\xff\xff\xff\xff", b"\0" * 8):
        broken = content[:start] + bad + content[start + 8 :]
        np.testing.assert_array_equal(graph(tf.constant([[broken]])), plain)
