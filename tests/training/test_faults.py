"""`make faults`, with fewer kills."""

import json

import pytest

from tests.programs import python


@pytest.mark.slow
def test_a_run_survives_kills_and_damage(tmp_path):
    flags = ("--kills=3", "--noworkers", f"--out={tmp_path / 'faults'}")
    done = python("-m", "tests.training.faults", *flags)
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["weights_equal"] and report["checkpoints_lost"] == 0
    assert report["kills"] > 0
