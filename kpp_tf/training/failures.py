"""How a run fails: divergence, a file that cannot be written, a lost worker."""

import numpy as np
import tensorflow as tf

from kpp_tf.errors import UserError
from kpp_tf.training.train_step import METRICS

# TensorFlow's errors when another worker goes away during a sum over the workers.
LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
)


class Diverged(RuntimeError):
    """A term of the loss or the gradient is not a finite number."""


class WorkerLost(RuntimeError):
    """Another worker went away; the run cannot go on without it."""


class Unwritten(UserError):
    """The run ended because a file could not be written, as on a full disk."""


def divergence(rows: np.ndarray, precision: str) -> tuple[int, list[str]] | None:
    """The first step with a metric that is not finite.

    Args:
      rows: float32 [steps, len(METRICS)].
      precision: `config.train.precision`; the gradients of "mixed_float16" may
        overflow, by which loss scaling finds its scale (it skips those steps).

    Returns:
      (row, names of the metrics), or None if all is finite.
    """
    finite = np.isfinite(rows)
    if precision == "mixed_float16":
        finite[:, METRICS.index("gradient_norm")] = True
    if finite.all():
        return None
    row = int(np.argmin(finite.all(axis=1)))
    bad = [name for name, ok in zip(METRICS, finite[row], strict=True) if not ok]
    # The loss is the sum of the others, and says nothing by itself.
    return row, [name for name in bad if name != "loss"] or bad


def reason(error: OSError | tf.errors.OpError) -> str:
    """Why a file could not be written, in a few words."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    # "{{node}} FILE; REASON [Op:NAME]", and perhaps more lines.
    line = error.message.partition("\n")[0].partition(" [Op:")[0]
    return line.rpartition(";")[2].strip()
