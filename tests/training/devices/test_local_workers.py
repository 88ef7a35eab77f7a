"""Worker processes of this machine."""

import json

from kpp_tf.training.devices import local_workers

SCRIPT = """
import json, os, signal, sys, threading
index = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
print("worker", index)
sys.stdout.flush()
if index == 1 and sys.argv[1] == "fail":
    sys.exit(7)
if index == 1 and sys.argv[1] == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[1] != "end":
    threading.Event().wait()  # for ever
"""


def _start(tmp_path, what):
    return local_workers.start(["-c", SCRIPT, what], 2, tmp_path / "logs")


def test_each_worker_knows_all_and_itself():
    configs = [json.loads(text) for text in local_workers.cluster(3)]
    addresses = configs[0]["cluster"]["worker"]
    assert len(set(addresses)) == 3
    assert all(address.startswith("127.0.0.1:") for address in addresses)
    for index, config in enumerate(configs):
        assert config["cluster"]["worker"] == addresses
        assert config["task"] == {"type": "worker", "index": index}


def test_all_end_well(tmp_path):
    assert local_workers.wait(_start(tmp_path, "end"), 10) == 0
    for index in range(2):
        log = local_workers.log_path(tmp_path / "logs", index)
        assert log.read_text() == f"worker {index}\n"


def test_a_failure_ends_the_others_and_gives_its_code(tmp_path):
    workers = _start(tmp_path, "fail")
    assert local_workers.wait(workers, grace_seconds=0) == 7
    assert all(worker.returncode is not None for worker in workers)


def test_a_signal_shows_as_shells_show_it(tmp_path):
    assert local_workers.wait(_start(tmp_path, "kill"), grace_seconds=0) == 128 + 9
