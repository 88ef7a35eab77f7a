"""The figures that others have published; RESULTS.md names their sources.

A bound of -ln p(x given M), with x among the images that M was written from, and a
bound of -ln p(x), without a memory, are different quantities: they are kept apart here,
and their difference is never printed.
"""

from typing import NamedTuple

NATS = "nats/image"
BITS = "bits/dim"


class DataSet(NamedTuple):
    """Images, and the unit of their bounds.

    Attributes:
      title: the column's name in the published table.
      unit: NATS or BITS.
    """

    title: str
    unit: str


DATA_SETS = {
    "binarized_mnist": DataSet("Binarized MNIST", NATS),
    "omniglot28": DataSet("Binarized Omniglot", NATS),
    "fashion_mnist": DataSet("Fashion MNIST", BITS),
    "cifar10": DataSet("CIFAR10", BITS),
    "mazes": DataSet("DMLab mazes", BITS),
}

# By the system's folder in results/.
SYSTEMS = {
    "kpp": "K++",
    "dkm_tsm": "DKM w/ TSM",
    "dkm": "DKM (Wu et al., 2018b)",
    "km": "KM (Wu et al., 2018a)",
    "vma": "VMA (Bornschein et al., 2017)",
    "dnc": "DNC (Graves et al., 2016)",
    "gpm": "GPM",
    "vae": "VAE, no memory",
}

# Bounds of -ln p(x given M), x among the images written, in the data set's unit: a
# column for each of DATA_SETS, as the source prints them.
_STORED = {
    "kpp": (41.58, 66.24, 3.40, 3.28, 2.88),
    "dkm_tsm": (51.84, 70.88, 4.15, 4.31, 2.92),
    "dkm": (75.3, 77.2, None, 4.79, 2.75),
    "km": (None, 68.3, None, 4.37, None),
    "vma": (None, 103.6, None, None, None),
    "dnc": (None, 100.0, None, None, None),
    "gpm": (31.48, 25.68, None, None, None),
}
STORED: dict[str, dict[str, float]] = {
    system: {d: v for d, v in zip(DATA_SETS, values, strict=True) if v is not None}
    for system, values in _STORED.items()
}


class WithoutMemory(NamedTuple):
    """A published bound or value of -ln p(x) of a model without a memory."""

    data: str
    model: str
    value: float
    source: str


WITHOUT_MEMORY = (
    WithoutMemory("binarized_mnist", "DRAW", 80.97, "arXiv 1502.04623"),
    WithoutMemory("binarized_mnist", "PixelRNN", 79.20, "arXiv 1601.06759"),
    WithoutMemory("cifar10", "PixelCNN++", 2.92, "arXiv 1701.05517"),
    WithoutMemory("cifar10", "VDVAE", 2.87, "arXiv 2011.10650"),
)

# Nats per image of a new image of a character, by the images of it that were seen. Both
# on Omniglot, on test splits of their own.
_GMN = (90.9, 82.8, 78.8, 76.4, 74.2, 64.6)
_VMA = (86.5, 83.0, 79.6, 79.0, 76.5, 76.2, 73.9)
FEW_SHOT: dict[str, dict[int, float]] = {
    "GMN (Bartunov and Vetrov, 2018)": dict(zip((0, 1, 2, 3, 4, 9), _GMN, strict=True)),
    "VMA (Bornschein et al., 2017)": dict(
        zip((1, 2, 3, 4, 5, 10, 19), _VMA, strict=True)
    ),
}
