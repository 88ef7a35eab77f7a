"""How far a pass over batches is: a bar on a terminal, lines elsewhere."""

import sys
import time
from collections.abc import Iterator

import tensorflow as tf
from rich import progress

from kpp_tf.data import Episodes

SECONDS = 60.0  # between two lines


class WatchedBatches:
    """A dataset that shows how far each pass over it is.

    Args:
      batches: of known cardinality.
      title: what the passes are for; may be changed between them.
      visible: whether to show anything (one of many workers does).
    """

    def __init__(self, batches: tf.data.Dataset, title: str = "", visible: bool = True):
        self.batches = batches
        self.title = title
        self.visible = visible

    def __iter__(self) -> Iterator[Episodes]:
        total = int(self.batches.cardinality())
        terminal = self.visible and sys.stderr.isatty()
        bar = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(bar_width=20),
            progress.TextColumn("batch {task.completed}/{task.total}"),
            progress.TimeRemainingColumn(),
            transient=True,
            disable=not terminal,
        )
        said = time.monotonic()
        with bar:
            task = bar.add_task(self.title, total=total)
            for number, batch in enumerate(self.batches):
                yield batch
                bar.update(task, completed=number + 1)
                if not self.visible or terminal or time.monotonic() < said + SECONDS:
                    continue
                said = time.monotonic()
                line = f"{self.title}: batch {number + 1} of {total}"
                print(line, file=sys.stderr, flush=True)
