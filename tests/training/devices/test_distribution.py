"""Two devices and two processes reach the weights of one device."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kpp_tf.training.devices import local_workers, strategies
from tests.programs import ROOT, python

STEPS = "50"


def _run(out: Path, *arguments: str) -> dict[str, np.ndarray]:
    done = python("-m", "tests.training.run_steps", out, *arguments)
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(out) as results:
        return dict(results)


@pytest.fixture(scope="module")
def one_device(tmp_path_factory):
    return _run(tmp_path_factory.mktemp("one") / "one.npz", "one", "0", STEPS)


def _assert_same_training(results, expected):
    for name in ("weights", "averages"):
        np.testing.assert_allclose(results[name], expected[name], atol=1e-4, rtol=0)
    # A KL near 0 has few digits.
    np.testing.assert_allclose(
        results["metrics"], expected["metrics"], rtol=2e-3, atol=1e-6
    )
    # The bound and its terms on the test split, which all replicas score together.
    np.testing.assert_allclose(results["results"], expected["results"], rtol=1e-3)


def test_two_logical_devices_train_as_one(one_device, tmp_path):
    two = _run(tmp_path / "two.npz", "mirrored", "2", STEPS)
    _assert_same_training(two, one_device)
    assert np.ptp(one_device["metrics"][:, 0]) > 5  # nats: they did train


@pytest.mark.slow
def test_two_workers_train_as_one_device(one_device, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    workers = []
    for index, tf_config in enumerate(local_workers.cluster(2)):
        monkeypatch.setenv("TF_CONFIG", tf_config)
        out = str(tmp_path / f"{index}.npz")
        arguments = ["-m", "tests.training.run_steps", out, "multi_worker", "0", STEPS]
        workers.append(subprocess.Popen([sys.executable, *arguments]))
    assert local_workers.wait(workers, grace_seconds=60) == 0
    for index in range(2):
        with np.load(tmp_path / f"{index}.npz") as results:
            _assert_same_training(dict(results), one_device)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("several",), "must be one of .*Received: 'several'"),
        (("one", 2), "--num_cpus goes with --strategy=mirrored"),
        (("multi_worker",), "TF_CONFIG.*Received: no TF_CONFIG"),
    ],
)
def test_bad_strategies_are_named(arguments, message, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", "")
    with pytest.raises(ValueError, match=message):
        strategies.make_strategy(*arguments)


@pytest.mark.gpu
def test_mirrored_takes_the_gpus():
    import tensorflow as tf

    strategy = strategies.make_strategy("mirrored")
    gpus = tf.config.list_physical_devices("GPU")
    assert strategy.num_replicas_in_sync == len(gpus)
    assert "CPU" not in strategies.device_name(strategy)
