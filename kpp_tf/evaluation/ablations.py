"""The variants of Kanerva++ that are compared, one thing changed at a time."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Ablation(NamedTuple):
    """A variant.

    Attributes:
      title: what differs from the base.
      overrides: of `config.model` of the base, by the field's path.
    """

    title: str
    overrides: Mapping[str, Any]


# Where the number or size of blocks changes, the memory's cells do too, so that every
# block still has a slot of its own: (S/P)^2 of them, T K needed. D then keeps the
# memory at 3,200 floats an episode or just below.
VARIANTS = {
    "base": Ablation(
        "base: dense networks, allocated writer, bidirectional shift, K=1, P=1, S=6, "
        "D=88 (3,168 floats), keys in a box, sharpness 3",
        {},
    ),
    "pooled": Ablation("pooled writer", {"writer": "pooled"}),
    "no_shift": Ablation("no temporal shift", {"encoder.shift": "none"}),
    "blocks_2": Ablation(
        "K=2 blocks an image (S=8, D=49)",
        {"blocks_per_frame": 2, "memory_size": 8, "memory_depth": 49},
    ),
    "blocks_4": Ablation(
        "K=4 blocks an image (S=12, D=22)",
        {"blocks_per_frame": 4, "memory_size": 12, "memory_depth": 22},
    ),
    "memory_800": Ablation("memory of 792 floats (D=22)", {"memory_depth": 22}),
    "memory_1600": Ablation("memory of 1,584 floats (D=44)", {"memory_depth": 44}),
    "memory_12800": Ablation("memory of 12,672 floats (D=352)", {"memory_depth": 352}),
    "no_block_path": Ablation(
        "decoder sees the latent alone, not the blocks", {"decode_blocks": False}
    ),
    "gaussian": Ablation(
        "Gaussian keys, as the source's", {"key_posterior": "gaussian"}
    ),
    "sharp": Ablation("sharpness 6", {"sharpness": 6.0}),
    "bilinear": Ablation("sharpness 1 (bilinear reading)", {"sharpness": 1.0}),
    "block_size_2": Ablation(
        "blocks of 2x2 cells (S=12, D=22)",
        {"block_size": 2, "memory_size": 12, "memory_depth": 22},
    ),
    "block_size_3": Ablation(
        "blocks of 3x3 cells (S=18, D=9)",
        {"block_size": 3, "memory_size": 18, "memory_depth": 9},
    ),
}
