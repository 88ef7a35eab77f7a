"""TF_CONFIG: what is read of it, and which field is named if it is wrong."""

import json
import socket

import pytest

from kpp_tf.errors import UserError
from kpp_tf.training.devices import cluster, strategies
from tests.programs import python

# In a process of its own: a strategy is made before TensorFlow does anything else.
MAKE = """
from kpp_tf.training.devices import strategies
try:
    strategies.make_strategy("multi_worker")
except ValueError as error:
    print(type(error).__name__, str(error).partition("Received: ")[2])
"""

TWO = {"worker": ["a:1", "b:65535"]}


def _set(monkeypatch, addresses, role="worker", index=0):
    task = {"type": role, "index": index}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": addresses, "task": task}))


def test_a_good_description_is_read(monkeypatch):
    _set(monkeypatch, {"chief": ["c:7"], **TWO, "evaluator": ["[::1]:9"]}, index=1)
    read = cluster.read()
    assert (read.role, read.index, read.trainers) == ("worker", 1, 3)
    monkeypatch.setenv("TF_CONFIG", "")
    assert cluster.read() is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"must be JSON such as .*Received: '\{'"),
        ("[]", r"TF_CONFIG must be an object .*Received: \[\]"),
        ("{}", r"cluster must name .*Received: None"),
        ('{"cluster": {}}', r"cluster must name .*Received: \{\}"),
        ('{"cluster": {"worker": ["a:1"]}}', r"task must say .*Received: None"),
    ],
)
def test_what_is_no_description_is_named(monkeypatch, text, message):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(UserError, match=message):
        cluster.read()


@pytest.mark.parametrize(
    ("addresses", "role", "index", "message"),
    [
        (TWO, "worker", 2, r"task\.index must be .* 0 to 1.*Received: 2"),
        (TWO, "worker", -1, r"task\.index .*Received: -1"),
        (TWO, ["worker"], 0, r"task\.type .*Received: \['worker'\]"),
        (TWO, "worker", "0", r"task\.index .*Received: '0'"),
        (TWO, "worker", True, r"task\.index .*Received: True"),
        (TWO, "chief", 0, r"task\.type must be one of .*Received: 'chief'"),
        ({"ps": ["a:1"]}, "ps", 0, r"no roles but .*Received: 'ps'"),
        ({"worker": []}, "worker", 0, r"cluster\.worker must be a list.*Received"),
        ({"worker": "a:1"}, "worker", 0, r"cluster\.worker must be a list"),
        ({"worker": ["a:1", "b"]}, "worker", 0, r"worker\[1\] .*Received: 'b'"),
        ({"worker": ["a:"]}, "worker", 0, r"worker\[0\] .*Received: 'a:'"),
        ({"worker": ["a:65536"]}, "worker", 0, r"worker\[0\] .*65535"),
        ({"worker": [1]}, "worker", 0, r"worker\[0\] .*Received: 1"),
        ({"worker": ["a:1", "a:1"]}, "worker", 0, r"once.*Received: \['a:1'\]"),
        ({"chief": ["a:1", "a:2"]}, "chief", 0, r"cluster\.chief must be one"),
    ],
)
def test_a_wrong_field_is_named(monkeypatch, addresses, role, index, message):
    _set(monkeypatch, addresses, role, index)
    for name in ("multi_worker", "one"):
        with pytest.raises(UserError, match=message):
            strategies.make_strategy(name)


def test_a_strategy_that_would_leave_the_workers_alone_is_refused(monkeypatch):
    _set(monkeypatch, TWO)
    for arguments in (("one",), ("mirrored", 2)):
        with pytest.raises(UserError, match=r"names 2 .*--strategy=multi_worker, or"):
            strategies.make_strategy(*arguments)
    _set(monkeypatch, {"worker": ["a:1"]})
    strategies.make_strategy("one")


def test_an_evaluator_works_beside_the_others(monkeypatch):
    _set(monkeypatch, {**TWO, "evaluator": ["c:3"]}, "evaluator")
    strategies.make_strategy("one")
    with pytest.raises(UserError, match="evaluator does not train"):
        strategies.make_strategy("multi_worker")


def test_an_address_that_another_program_holds_is_named():
    with socket.create_server(("127.0.0.1", 0)) as server:
        own = f"127.0.0.1:{server.getsockname()[1]}"
        description = {
            "cluster": {"worker": [own, "127.0.0.1:1"]},
            "task": {"type": "worker", "index": 0},
        }
        done = python("-c", MAKE, TF_CONFIG=json.dumps(description))
    assert f"UserError cluster.worker[0]='{own}'" in done.stdout, done.stderr


def test_a_missing_tpu_is_reported():
    with pytest.raises(UserError, match="found no TPU.*Received: --tpu=''"):
        strategies.make_strategy("tpu")
