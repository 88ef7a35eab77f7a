"""How a run is asked to stop: by SIGTERM, or by Ctrl-C."""

import os
import signal


class Stopped(Exception):
    """The run was asked to stop, and what it reached is saved.

    Attributes:
      number: of the signal that asked; SIGTERM if another process got it.
    """

    def __init__(self, message: str, number: int | None):
        super().__init__(message)
        self.number = number or signal.SIGTERM

    @property
    def exit_code(self) -> int:
        """As a shell shows it: 143 for SIGTERM, 130 for Ctrl-C."""
        return 128 + self.number


class StopSignals:
    """Notes SIGTERM and SIGINT within a `with` block, in place of dying of them.

    A second Ctrl-C interrupts as usual. A signal that is ignored stays so.

    Attributes:
      number: of the signal that came; None if none did.
      stopped: where it is set, the message of the `Stopped` that a signal raises
        at once.
    """

    def __init__(self):
        self.number: int | None = None
        self.stopped = ""

    def __enter__(self) -> "StopSignals":
        numbers = (signal.SIGTERM, signal.SIGINT)
        self._before = {n: signal.getsignal(n) for n in numbers}
        for number, before in self._before.items():
            if before is not signal.SIG_IGN:
                signal.signal(number, self._note)
        return self

    def __exit__(self, *_) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def stop_at_once(self, message: str) -> None:
        """From now on, and if a signal came before, it raises `Stopped`."""
        self.stopped = message
        if self.number is not None:
            raise Stopped(message, self.number)

    def _note(self, number, _):
        self.number = number
        if self.stopped:
            raise Stopped(self.stopped, number)
        if number == signal.SIGINT:
            signal.signal(number, signal.default_int_handler)
            # Not print(): the signal may have come in the middle of one.
            os.write(2, b"\nStopping after these steps; Ctrl-C again loses them.\n")
