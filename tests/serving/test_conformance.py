"""Exports and the stand-in server against parts that this project did not write.

`saved_model_cli` and the stubs of TF Serving are there; what has to be installed beside
(pip install kserve ovmsclient) is skipped where it is not.
"""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.programs import python
from tests.serving.tiny_models import LENGTH

pytestmark = pytest.mark.slow

# A model of KServe as its users write one: rows in, rows out.
KSERVE = """
import sys
import kserve
import tensorflow as tf

class Served(kserve.Model):
    def __init__(self, path):
        super().__init__("tiny")
        self.loaded = tf.saved_model.load(path)
        self.ready = True

    def predict(self, payload, headers=None, response_headers=None):
        rows, signature = payload["instances"], payload["signature_name"]
        function = self.loaded.signatures[signature]
        wanted = function.structured_input_signature[1]
        inputs = {
            name: tf.constant([row[name] for row in rows], spec.dtype)
            for name, spec in wanted.items()
        }
        outputs = {name: value.numpy() for name, value in function(**inputs).items()}
        return {
            "predictions": [
                {name: value[row].tolist() for name, value in outputs.items()}
                for row in range(len(rows))
            ]
        }

server = kserve.ModelServer(http_port=int(sys.argv[2]), enable_grpc=False)
server.start([Served(sys.argv[1])])
"""


@pytest.fixture(scope="module")
def asked(offered):
    """A request to each of two signatures, and the right answer."""
    found = {}
    for name in ("serving_default", "generate_from_episode"):
        specs = offered[name].structured_input_signature[1]
        episode = np.random.default_rng(1).integers(0, 2, (2, LENGTH, 8, 8, 1))
        inputs = {
            "episode": episode.astype(np.float32),
            "seed": np.array([[1, 2], [3, 4]], np.int32),
            "temperature": np.ones(2, np.float32),
        }
        inputs = {key: inputs[key] for key in specs}
        outputs = offered[name](**{k: tf.constant(v) for k, v in inputs.items()})
        found[name] = inputs, {key: value.numpy() for key, value in outputs.items()}
    return found


def _assert_same(got, wanted):
    assert got.keys() == wanted.keys()
    for name, value in wanted.items():
        # Of a server in another process, whose kernels may differ.
        np.testing.assert_allclose(got[name], value, atol=1e-5)


def _saved_model_cli(*arguments):
    done = python("-m", "tensorflow.python.tools.saved_model_cli", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_saved_model_cli_shows_every_signature(exported, offered):
    said = _saved_model_cli("show", "--dir", exported.path, "--all")
    for name in offered:
        assert f"signature_def['{name}']" in said
    assert "inputs['encoded'] tensor_info:\n        dtype: DT_STRING" in said


def test_saved_model_cli_runs_an_episode(exported, asked, tmp_path):
    inputs, outputs = asked["generate_from_episode"]
    np.save(tmp_path / "episode.npy", inputs["episode"])
    _saved_model_cli(
        *("run", "--dir", exported.path, "--tag_set", "serve"),
        *("--signature_def", "generate_from_episode", "--outdir", tmp_path),
        *("--inputs", f"episode={tmp_path / 'episode.npy'}"),
    )
    got = {name: np.load(tmp_path / f"{name}.npy") for name in outputs}
    _assert_same(got, outputs)


def test_the_client_of_openvinos_server_is_answered(server, asked):
    reason = "pip install ovmsclient, to ask the stand-in with it"
    ovmsclient = pytest.importorskip("ovmsclient", reason=reason)
    inputs, outputs = asked["serving_default"]
    client = ovmsclient.make_grpc_client(server.grpc)
    # Version 0 is its server's newest, and no version of TF Serving's.
    assert set(client.get_model_metadata("tiny", 1)["inputs"]) == set(inputs)
    _assert_same(client.predict(inputs, "tiny", 1, timeout=60.0), outputs)


def test_kserve_serves_the_export(exported, asked, tmp_path):
    pytest.importorskip(
        "kserve", reason="pip install kserve, to serve the export by it"
    )
    program = tmp_path / "served.py"
    program.write_text(KSERVE)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, str(program), str(exported.path), str(port)]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=tmp_path)
    try:
        address = f"http://127.0.0.1:{port}/v1/models/tiny"
        assert _get(address, process, tmp_path / "log")["ready"]
        for name, (inputs, outputs) in asked.items():
            rows = [
                {key: value[row].tolist() for key, value in inputs.items()}
                for row in range(2)
            ]
            body = json.dumps({"signature_name": name, "instances": rows}).encode()
            request = urllib.request.Request(
                f"{address}:predict", body, {"Content-Type": "application/json"}
            )
            with urllib.request.urlopen(request, timeout=60) as answer:
                predictions = json.load(answer)["predictions"]
            _assert_same(
                {key: np.array([row[key] for row in predictions]) for key in outputs},
                outputs,
            )
    finally:
        process.terminate()
        process.wait()


def _get(address: str, process: subprocess.Popen, log: Path) -> dict:
    """What the server answers as soon as it does."""
    for _ in range(600):
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(address, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.URLError:
            time.sleep(0.2)
    raise AssertionError(log.read_text())
