"""One process holds a folder; others are refused."""

import os
import subprocess
import sys

import pytest

from kpp_tf.errors import UserError
from kpp_tf.training.lock import Lock

# Takes the lock of a folder, prints "held", and ends when its input does.
HOLD = """
import sys
from pathlib import Path
from kpp_tf.training.lock import Lock
held = Lock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
held.release()
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_process_reads_who_holds_the_folder(holder, tmp_path):
    with pytest.raises(UserError) as error:
        Lock(tmp_path)
    host = os.uname().nodename
    assert f"process {holder.pid} on {host}" in str(error.value)
    assert f"Received: --workdir={tmp_path}" in str(error.value)
    holder.communicate("")
    Lock(tmp_path).release()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_was_moved_is_still_held(holder, tmp_path):
    moved = tmp_path.with_name(f"{tmp_path.name}-moved")
    tmp_path.rename(moved)
    with pytest.raises(UserError, match=f"process {holder.pid} on"):
        Lock(moved)
    moved.rename(tmp_path)


def test_a_killed_process_locks_nobody_out(holder, tmp_path):
    holder.kill()
    holder.wait()
    assert (tmp_path / "lock").exists()
    lock = Lock(tmp_path)
    assert (tmp_path / "lock").read_text().startswith(f"process {os.getpid()} ")
    lock.release()
