"""Stopping a run by SIGTERM or Ctrl-C."""

import os
import signal


class Stopped(Exception):
    """The run was asked to stop, and has saved its last step.

    Attributes:
      number: of the signal; SIGTERM if another process received it.
    """

    def __init__(self, message: str, number: int | None):
        super().__init__(message)
        self.number = number or signal.SIGTERM

    @property
    def exit_code(self) -> int:
        """The exit code that shells use: 143 for SIGTERM, 130 for Ctrl-C."""
        return 128 + self.number


class StopSignals:
    """Records SIGTERM and SIGINT within a `with` block instead of ending the process.

    A second Ctrl-C interrupts as usual. A signal that was ignored stays ignored.

    Attributes:
      number: of the signal received, or None.
      stopped: if set, a signal raises `Stopped` with this message at once.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self.stopped = ""

    def __enter__(self) -> "StopSignals":
        numbers = (signal.SIGTERM, signal.SIGINT)
        self._before = {n: signal.getsignal(n) for n in numbers}
        for number, before in self._before.items():
            if before is not signal.SIG_IGN:
                signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def stop_at_once(self, message: str) -> None:
        """Makes every signal from now on, and one already received, raise `Stopped`."""
        self.stopped = message
        if self.number is not None:
            raise Stopped(message, self.number)

    def _note(self, number: int, _: object) -> None:
        self.number = number
        if self.stopped:
            raise Stopped(self.stopped, number)
        if number == signal.SIGINT:
            signal.signal(number, signal.default_int_handler)
            # Not print(): the signal may have come in the middle of one.
            os.write(2, b"\nStopping after these steps; Ctrl-C again loses them.\n")
