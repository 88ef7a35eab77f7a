"""One training run in a folder at a time."""

import contextlib
import errno
import fcntl
import os
import socket
from pathlib import Path

from absl import logging

from kpp_tf.errors import UserError

NAME = "lock"


class Lock:
    """Holds a folder until it is released or this process ends.

    The system locks an open file, which names the process and host for people. The lock
    ends with the process, even one that is killed, and moves with the folder. (The
    `filelock` package does the same, but empties the file, and so loses the name.)

    Args:
      folder: of a run; it exists.

    Raises:
      UserError: if another process holds it.
      OSError: if the folder cannot be written.
    """

    def __init__(self, folder: Path):
        self.path = folder / NAME
        while not self._take():
            pass
        self._stream.truncate(0)
        self._stream.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        self._stream.flush()

    def release(self) -> None:
        """Releases the folder."""
        self.path.unlink(missing_ok=True)
        self._stream.close()

    def _take(self) -> bool:
        """Locks the file; False if its last owner removed it in the meantime."""
        self._stream = self.path.open("a+")
        try:
            fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                logging.warning("No locks on this file system: %s", error)
                return True
            self._stream.seek(0)
            owner = self._stream.read().strip() or "a process that is starting"
            self._stream.close()
            raise UserError(
                f"Another training run writes to the work directory: {owner}. Wait for "
                "its end, stop it, or choose another folder. "
                f"Received: --workdir={self.path.parent}"
            ) from error
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(self._stream.fileno()), self.path.stat()):
                return True
        self._stream.close()
        return False
