"""The progress of a run on the terminal, and its speed."""

import contextlib
import math
import sys
import time
from collections.abc import Iterator, Mapping

from rich import progress

SHOWN = ("stored", "unseen", "kl_latents", "kl_keys")


class Progress:
    """A progress bar on a terminal; a line every `write` elsewhere.

    Args:
      total: steps of the run.
      step: steps already made.
      visible: whether to show anything (one of many workers does).
    """

    def __init__(self, total: int, step: int, visible: bool = True):
        self.total = total
        self.visible = visible
        self._started = (time.monotonic(), step)
        self._bar = None
        if visible and sys.stderr.isatty():
            self._bar = progress.Progress(
                progress.TextColumn("step {task.completed:,}/{task.total:,}"),
                progress.BarColumn(bar_width=20),
                progress.TimeRemainingColumn(),
                progress.TextColumn("{task.description}"),
                speed_estimate_period=120,
            )
            self._task = self._bar.add_task("", total=total, completed=step)

    def __enter__(self) -> "Progress":
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, step: int) -> None:
        """Moves the bar."""
        if self._bar is not None:
            self._bar.update(self._task, completed=step)

    def write(self, step: int, metrics: Mapping[str, float]) -> None:
        """Shows metrics: nats per image, and images a second."""
        # NaN is the mean over no image.
        shown = [name for name in SHOWN if not math.isnan(metrics[name])]
        terms = "  ".join(f"{name} {metrics[name]:.2f}" for name in shown)
        speed = metrics["images_per_second"]  # 0 until a step is timed
        text = f"{speed:,.0f} images/s  {terms}" if speed else terms
        if self._bar is not None:
            self._bar.update(self._task, completed=step, description=text)
        else:
            left = _duration(self._seconds_left(step))
            self.say(f"step {step:,}/{self.total:,}  {left} left  {text}")

    def say(self, line: str) -> None:
        """Prints a line, above the bar."""
        if not self.visible:
            return
        if self._bar is not None:
            self._bar.console.print(line, highlight=False)
        else:
            print(line, file=sys.stderr, flush=True)

    def _seconds_left(self, step: int) -> float:
        began, first = self._started
        return (time.monotonic() - began) / max(step - first, 1) * (self.total - step)


class Speed:
    """Images a second of training, without the first call, which compiles.

    Args:
      images_per_step: images of a step.
    """

    def __init__(self, images_per_step: int):
        self._images_per_step = images_per_step
        self._compiled = False
        self._images, self._seconds = 0, 0.0

    @contextlib.contextmanager
    def timed(self, steps: int) -> Iterator[None]:
        """Times a block that makes `steps` steps."""
        began = time.monotonic()
        yield
        if self._compiled:
            self._images += steps * self._images_per_step
            self._seconds += time.monotonic() - began
        self._compiled = True

    def take(self) -> float:
        """Images a second since the last `take`; 0 if nothing was timed."""
        images, seconds = self._images, self._seconds
        self._images, self._seconds = 0, 0.0
        return images / seconds if seconds else 0.0


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"
