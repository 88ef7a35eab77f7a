"""New checkpoints of a run in training."""

import time
from collections.abc import Iterator
from pathlib import Path

from kpp_tf.training import checkpoints, workdirs


def watch(workdir: str | Path, poll_seconds: float = 10.0) -> Iterator[Path]:
    """Yields each new checkpoint of a run in training, starting with the newest.

    Checkpoints that appear and disappear between two polls are skipped. The iterator
    ends after the last one, once the run has written its summary.

    Args:
      workdir: the run's folder.
      poll_seconds: time between two polls.
    """
    seen = None
    while True:
        # Read before the checkpoint, so that no later one can be missed.
        complete = (Path(workdir) / workdirs.SUMMARY).exists()
        newest = checkpoints.newest_checkpoint(workdir)
        if newest is not None and newest != seen:
            seen = newest
            yield newest
        elif complete:
            return
        else:
            time.sleep(poll_seconds)
