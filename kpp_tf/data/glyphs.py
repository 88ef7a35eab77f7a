"""Hand-written characters of an invented script, drawn by the program.

A character is one to three smooth strokes: cubic B-splines whose control points
turn steadily, now and then with a corner. Twenty drawers write each character
once, each with their own slant, width, height, pen and unsteadiness. The result
resembles Omniglot at 28x28 and needs no network.

Every machine draws the same pixels. Random numbers are raw words of NumPy's
Philox counter (a stream NumPy guarantees, which its distributions are not), the
geometry uses only IEEE additions, multiplications, divisions and square roots,
and whether a pen touches a pixel is decided in integers.
"""

import numpy as np

from kpp_tf.data.image_table import ImageTable
from kpp_tf.errors import UserError

SIZE = 28
DRAWERS = 20
# First character and number of characters; the three sets share none.
CHARACTERS = {"train": (0, 1200), "validation": (1200, 100), "test": (1300, 300)}

_STROKES = 3
_CONTROLS = 6
_POINTS = 64  # Points of a stroke's curve; neighbours are less than a pixel apart.
_FIXED = 256  # Fixed-point units a pixel.
_REACH = 2  # The pen inks pixels at most this far from the pixel it is in.


def load(split: str) -> ImageTable:
    """Draws a split; the largest takes two seconds.

    Args:
      split: "train", "validation", "test", or several joined by "+".

    Returns:
      A table of {0, 255} images [N, 28, 28, 1], labelled by character; drawer
      `i % 20` wrote image i.

    Raises:
      UserError: if the split is not known.
    """
    parts = split.split("+")
    for part in parts:
        if part not in CHARACTERS:
            raise UserError(
                f"glyphs has the splits {sorted(CHARACTERS)}, which '+' joins. "
                f"Received: {split!r}"
            )
    images = np.concatenate([_draw_split(part) for part in parts])
    places = [CHARACTERS[part] for part in parts]
    numbers = np.concatenate([np.arange(n) + first for first, n in places])
    return ImageTable(
        images=images,
        labels=np.repeat(numbers, DRAWERS).astype(np.int64),
        levels=2,
        name="glyphs",
        split=split,
    )


def _draw_split(split: str) -> np.ndarray:
    first, count = CHARACTERS[split]
    # In portions, so that a portion's points stay in the processor's cache.
    portions = [
        draw(np.arange(start, min(start + 50, first + count)))
        for start in range(first, first + count, 50)
    ]
    return np.concatenate(portions)


def draw(characters: np.ndarray) -> np.ndarray:
    """Draws characters as every drawer writes them.

    Args:
      characters: int [N], numbers of characters, each at least 0.

    Returns:
      uint8 [N * 20, 28, 28, 1] in {0, 255}, drawers varying fastest.
    """
    drawn = [_character(int(number)) for number in characters]
    controls = np.stack([controls for controls, _ in drawn])  # [N, S, K, 2]
    used = np.stack([used for _, used in drawn])  # [N, S]
    controls, radius = _written(controls, used, np.asarray(characters))
    curves = _b_spline(controls)  # [N, D, S, P, 2]
    visible = np.broadcast_to(used[:, None, :, None], curves.shape[:-1])
    images = len(characters) * DRAWERS
    return _pen(
        curves.reshape(images, -1, 2),
        visible.reshape(images, -1),
        radius.reshape(images),
    )


def _uniform(kind: int, number: int, shape: tuple[int, ...]) -> np.ndarray:
    """Uniform [0, 1) float64 that depend on (kind, number) alone."""
    words = np.random.Philox(key=[number, kind]).random_raw(int(np.prod(shape)))
    return ((words >> np.uint64(11)) * 2.0**-53).reshape(shape)


def _character(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Control points [S, K, 2] in [-1, 1] and which strokes [S] are there."""
    u = _uniform(1, number, (_STROKES, 6 + _CONTROLS))
    strokes = 1 + (u[0, 0] > 0.3) + (u[1, 0] > 0.65)
    used = np.arange(_STROKES) < strokes
    position = 1.6 * u[:, 1:3] - 0.8
    # A direction, and the turn at every control point as tan(angle / 2).
    direction = _unit(2 * u[:, 3:5] - 1)
    bend = (2 * u[:, 5] - 1) ** 3 * 0.9
    length = np.where(used, 0.35 + 0.3 * u[:, 0], 0.0)
    points = [position]
    for step in range(_CONTROLS - 1):
        jitter = 2 * u[:, 6 + step] - 1
        # One step in eight is a corner.
        turn = np.where(np.abs(jitter) > 0.875, jitter * 1.2, bend + 0.25 * jitter)
        cosine = (1 - turn * turn) / (1 + turn * turn)
        sine = 2 * turn / (1 + turn * turn)
        direction = np.stack(
            [
                cosine * direction[:, 0] - sine * direction[:, 1],
                sine * direction[:, 0] + cosine * direction[:, 1],
            ],
            axis=-1,
        )
        points.append(points[-1] + length[:, None] * direction)
    return _fit(np.stack(points, axis=1), used), used


def _unit(vectors: np.ndarray) -> np.ndarray:
    x, y = vectors[..., :1], vectors[..., 1:]
    return vectors / np.sqrt(x * x + y * y + 1e-6)


def _fit(controls: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Centres a character and scales its longer side to [-1, 1]."""
    low = controls[used].min(axis=(0, 1))
    high = controls[used].max(axis=(0, 1))
    return (controls - (low + high) / 2) / np.max(high - low) * 2


def _written(
    controls: np.ndarray, used: np.ndarray, characters: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Every drawer's version of characters, in pixels.

    Args:
      controls: [N, S, K, 2] in [-1, 1].
      used: [N, S].
      characters: [N], their numbers.

    Returns:
      Control points [N, D, S, K, 2] in pixels and pen radii [N, D] in pixels.
    """
    style = np.stack([_uniform(2, drawer, (6,)) for drawer in range(DRAWERS)])
    slant = 0.7 * (style[:, 0] - 0.5)
    width = 8.0 + 2.5 * style[:, 1]
    height = 8.5 + 2.5 * style[:, 2]
    unsteady = 0.05 + 0.1 * style[:, 3]
    radius = 0.8 + 0.4 * style[:, 4]

    shape = (DRAWERS, *controls.shape[1:])
    noise = np.stack([_uniform(3, int(n), shape) for n in characters]) - 0.5
    # Strokes move as a whole, too: letters are never put together twice alike.
    whole = np.stack([_uniform(4, int(n), (*shape[:2], 1, 2)) for n in characters])
    moved = controls[:, None] + unsteady[:, None, None, None] * (
        1.6 * noise + 1.4 * (whole - 0.5)
    )
    x, y = moved[..., 0], moved[..., 1]
    by_drawer = (slice(None), None, None)
    x = (x - slant[by_drawer] * y) * width[by_drawer]
    y = y * height[by_drawer]
    place = np.stack([_uniform(5, int(n), (DRAWERS, 2)) for n in characters]) - 0.5
    centre = SIZE / 2 + 2 * place[:, :, None, None, :]
    points = np.stack([x, y], axis=-1) + centre
    points = np.clip(points, 1.5, SIZE - 1.5)
    return points, np.broadcast_to(radius, points.shape[:2])


def _b_spline(controls: np.ndarray) -> np.ndarray:
    """Uniform cubic B-spline from the first control point to the last.

    Args:
      controls: [..., K, 2].

    Returns:
      Points [..., P, 2] on the curve. The end points are tripled, which makes the
      curve start and end in them.
    """
    first, last = controls[..., :1, :], controls[..., -1:, :]
    padded = np.concatenate([first, first, controls, last, last], axis=-2)
    segments = padded.shape[-2] - 3
    position = np.arange(_POINTS) * (segments / (_POINTS - 1))
    segment = np.minimum(position.astype(np.int64), segments - 1)
    t = position - segment
    weights = (
        (1 - t) * (1 - t) * (1 - t) / 6,
        (3 * t * t * t - 6 * t * t + 4) / 6,
        (-3 * t * t * t + 3 * t * t + 3 * t + 1) / 6,
        t * t * t / 6,
    )
    # A sum written out: a matrix product may round differently by machine.
    curve = weights[0][:, None] * padded[..., segment, :]
    for offset in (1, 2, 3):
        curve = curve + weights[offset][:, None] * padded[..., segment + offset, :]
    return curve


def _pen(points: np.ndarray, visible: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Inks each pixel whose centre is within the pen's radius of a point.

    Args:
      points: [N, P, 2], (x, y) in pixels.
      visible: bool [N, P].
      radius: [N], pixels.

    Returns:
      uint8 [N, 28, 28, 1] in {0, 255}.
    """
    fixed = np.rint(points * _FIXED).astype(np.int32)
    limit = np.rint(radius * _FIXED).astype(np.int32)[:, None] ** 2
    pixel = fixed // _FIXED
    # The offset from the centre of the pixel that the point is in.
    offset = fixed - pixel * _FIXED - _FIXED // 2
    side = SIZE + 2 * _REACH
    canvas = np.zeros((len(points), side * side), np.bool_)
    rows = np.arange(len(points))[:, None] * (side * side)
    base = rows + (pixel[..., 1] + _REACH) * side + pixel[..., 0] + _REACH
    flat = canvas.reshape(-1)
    for dy in range(-_REACH, _REACH + 1):
        for dx in range(-_REACH, _REACH + 1):
            x = dx * _FIXED - offset[..., 0]
            y = dy * _FIXED - offset[..., 1]
            touched = (x * x + y * y <= limit) & visible
            flat[(base + (dy * side + dx))[touched]] = True
    canvas = canvas.reshape(-1, side, side, 1)[:, _REACH:-_REACH, _REACH:-_REACH]
    return canvas.astype(np.uint8) * np.uint8(255)
