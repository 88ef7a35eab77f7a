"""The checkpoints of a run that is training, as they appear."""

import time
from collections.abc import Iterator
from pathlib import Path

from kpp_tf.training import checkpoints, workdirs


def watch(workdir: str | Path, poll_seconds: float = 10.0) -> Iterator[Path]:
    """Yields each new checkpoint of a run that is training, the newest first seen.

    Checkpoints that come and go between two looks are passed over. The last one is
    yielded once the run has written its summary.

    Args:
      workdir: the run's folder.
      poll_seconds: time between two looks.
    """
    seen = None
    while True:
        # Looked up before the checkpoint, so that no later one can be missed.
        complete = (Path(workdir) / workdirs.SUMMARY).exists()
        newest = checkpoints.newest_checkpoint(workdir)
        if newest is not None and newest != seen:
            seen = newest
            yield newest
        elif complete:
            return
        else:
            time.sleep(poll_seconds)
