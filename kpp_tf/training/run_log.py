"""The metrics of a run: their means over steps, and metrics.csv."""

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from kpp_tf import files, likelihoods
from kpp_tf.training.train_step import METRICS

FILE = "metrics.csv"
PARTS = ("stored_part", "unseen_part", "held")
COLUMNS = (
    "images_per_second",
    "bound",
    "bits_per_dim",
    "stored",
    "unseen",
    *(name for name in METRICS if name not in PARTS),
)


# Takes the step and numbers by name, such as `wandb.log` with its arguments swapped.
Logger = Callable[[int, Mapping[str, float]], None]


def averages(rows: np.ndarray, pixels: int) -> dict[str, float]:
    """Means over steps, by name.

    Args:
      rows: float32 [steps, len(METRICS)].
      pixels: numbers in an image, H W C.

    Returns:
      The means; the whole `bound`, also as `bits_per_dim`; and in place of PARTS
      `stored`, the bound of images that the memory held, and `unseen`, of the others
      (NaN without any).
    """
    means = dict(zip(METRICS, rows.mean(axis=0, dtype=np.float64), strict=True))
    stored, unseen, held = (means.pop(name) for name in PARTS)
    kl = means["kl_latents"] + means["kl_keys"] + means["kl_memory"]
    means["bound"] = kl - means["log_likelihood"]
    # Over all images of all steps: their numbers differ from step to step.
    means["stored"] = stored / held if held > 0 else np.nan
    means["unseen"] = unseen / (1 - held) if held < 1 else np.nan
    means["bits_per_dim"] = likelihoods.bits_per_dim(means["bound"], pixels)
    return means


class MetricsFile:
    """`metrics.csv`: a row of numbers every `log_every` steps.

    Args:
      folder: of the run.
      names: columns after `step`.
      step: from which the run goes on; later rows are removed.
    """

    def __init__(self, folder: Path, names: Sequence[str], step: int):
        self.path = folder / FILE
        self.names = ("step", *names)
        rows = []
        if self.path.exists():
            with self.path.open(newline="", errors="replace") as stream:
                # A crash of the machine may leave NUL, which csv refuses.
                lines = (line.replace("\0", "") for line in stream)
                for row in csv.DictReader(lines):
                    # The last columns of a row cut short by a kill are None.
                    made = row.get("step") or ""
                    if None not in row.values() and made.isdecimal():
                        if int(made) <= step:
                            rows.append(row)
        with (
            files.replacing(self.path) as temporary,
            temporary.open("w", newline="") as stream,
        ):
            writer = csv.DictWriter(
                stream, self.names, restval="", extrasaction="ignore"
            )
            writer.writeheader()
            writer.writerows(rows)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Appends a row."""
        with self.path.open("a", newline="") as stream:
            row = [step, *(f"{values[name]:.6g}" for name in self.names[1:])]
            csv.writer(stream).writerow(row)
