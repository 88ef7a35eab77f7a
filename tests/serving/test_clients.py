"""Clients and local server over real sockets on the loopback interface."""

import http.client
import json
import socket

import numpy as np
import pytest
import tensorflow as tf

from kpp_tf.errors import UserError
from kpp_tf.serving.client_base import NoAnswerError, ServingError, UnavailableError
from kpp_tf.serving.grpc_client import GrpcClient
from kpp_tf.serving.request_checks import check_request
from kpp_tf.serving.rest_client import RestClient
from kpp_tf.serving.specs import Field, example_inputs
from tests.stand_ins.servable import NotReadyError, Servable
from tests.stand_ins.traffic import known, malformed

KINDS = ("rest", "rest_rows", "grpc")


def connect(server, kind, **kwargs):
    kwargs = {"timeout": 60.0, **kwargs}
    if kind == "grpc":
        return GrpcClient(server.grpc, "tiny", **kwargs)
    return RestClient(server.rest, "tiny", columnar=kind == "rest", **kwargs)


@pytest.mark.parametrize("kind", KINDS)
def test_answers_have_the_bits_of_the_model(server, offered, kind):
    client = connect(server, kind)
    assert set(client.signatures()) == set(offered)
    for name, spec in client.signatures().items():
        inputs = example_inputs(spec.inputs, batch=2, length=3)
        expected = offered[name](
            **{key: tf.constant(value) for key, value in inputs.items()}
        )
        got = client.predict(inputs, name)
        assert got.keys() == expected.keys()
        for output, value in expected.items():
            np.testing.assert_array_equal(got[output], value.numpy())


@pytest.mark.parametrize("kind", KINDS)
def test_clients_refuse_what_the_signature_cannot_take(server, kind):
    client = connect(server, kind)
    with pytest.raises(UserError, match="episode must have shape"):
        client.predict({"episode": np.zeros([1, 3, 9, 8, 1])}, "write")
    with pytest.raises(ValueError, match="signature must be one of"):
        client.predict({}, "paint")


@pytest.mark.parametrize("kind", KINDS)
def test_the_servers_refusal_reaches_the_caller(server, kind):
    inputs = {
        "memory_cells": np.zeros([1, 2, 2, 8]),
        "memory_coverage": np.full([1, 2, 2], 1.5),
        "keys": np.zeros([1, 3, 1, 3]),
    }
    with pytest.raises(ServingError, match=r"memory_coverage must .* in \[0, 1\].*1.5"):
        connect(server, kind).predict(inputs, "generate_from_keys")


@pytest.mark.parametrize("kind", KINDS)
def test_a_version_that_is_not_there_is_refused(server, kind):
    with pytest.raises(ServingError, match="version 9 is not served"):
        connect(server, kind, version=9).signatures()
    assert connect(server, kind, version=1).signatures()


@pytest.mark.parametrize("kind", ["rest", "grpc"])
def test_malformed_requests_are_refused_by_name_and_harm_nothing(server, kind):
    client = connect(server, kind)
    answered = known(client)
    for name in ("serving_default", "write_encoded"):
        for request in malformed(name, client.signatures()[name]):
            assert request.is_refused_by(client), request
    assert all(request.is_answered_by(client) for request in answered)


def test_rest_follows_tf_serving(server):
    """One input needs no name, and one output gets none."""

    def post(**body):
        connection = http.client.HTTPConnection(server.rest, timeout=60)
        path = "/v1/models/tiny:predict"
        connection.request("POST", path, json.dumps(body))
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer

    signature = {"signature_name": "generate_from_episode"}
    bare = post(inputs=[np.zeros([3, 8, 8, 1]).tolist()], **signature)["outputs"]
    assert set(bare) == {"images", "keys"}
    row = {
        "memory_cells": np.zeros([2, 2, 8]).tolist(),
        "memory_coverage": np.zeros([2, 2]).tolist(),
        "keys": np.zeros([5, 1, 3]).tolist(),
    }
    signature = {"signature_name": "generate_from_keys"}
    rows = post(instances=[row, row], **signature)["predictions"]
    columns = post(inputs={k: [v, v] for k, v in row.items()}, **signature)["outputs"]
    assert rows == columns and np.shape(rows) == (2, 5, 8, 8, 1)


@pytest.fixture(params=[RestClient, GrpcClient])
def ask(request):
    """Asks the address of a socket for signatures; returns the error."""

    def ask(there, timeout):
        address = f"127.0.0.1:{there.getsockname()[1]}"
        client = request.param(address, "m", timeout=timeout, attempts=3, pause=0.01)
        with pytest.raises(ServingError) as error:
            client.signatures()
        return error

    return ask


def test_a_server_that_is_not_there_is_unavailable(ask):
    with socket.socket() as unused:  # bound, but nobody listens
        unused.bind(("127.0.0.1", 0))
        error = ask(unused, timeout=30.0)
    assert error.type is UnavailableError


@pytest.mark.parametrize("kind", ["rest", "grpc"])
def test_a_server_that_is_not_ready_is_tried_again(server, kind, monkeypatch):
    """It answers the third time."""
    asked = []

    def not_ready(self, *_):
        asked.append(1)
        if len(asked) < 3:
            raise NotReadyError("loading")

    monkeypatch.setattr(Servable, "check_model", not_ready)
    assert connect(server, kind, pause=0.01).signatures()
    assert len(asked) == 3
    asked.clear()
    with pytest.raises(UnavailableError, match="loading"):
        connect(server, kind, attempts=2, pause=0.01).signatures()
    assert len(asked) == 2


def test_a_server_that_does_not_answer_is_not_asked_twice(ask):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, says nothing
        error = ask(silent, timeout=0.2)
        assert error.type is NoAnswerError and "within 0.2 s" in str(error.value)
        silent.settimeout(0)
        silent.accept()
        with pytest.raises(BlockingIOError):  # nobody else has connected
            silent.accept()


def test_check_request_names_the_input():
    fields = {
        "keys": Field((None, None, 1, 3)),
        "seed": Field((None, 2), np.int32),
        "temperature": Field((None,)),
    }
    good = {
        "keys": np.zeros([2, 0, 1, 3]),  # of no image
        "seed": np.zeros([2, 2], int),
        "temperature": np.ones(2),
    }
    arrays = check_request("generate", fields, good)
    assert {name: a.dtype for name, a in arrays.items()} == {
        name: field.dtype for name, field in fields.items()
    }
    for changes, message in [
        ({"seed": np.zeros([2, 2])}, "seed must have dtype int32"),
        ({"seed": np.zeros([3, 2], int)}, "same batch"),
        ({"seed": np.full([2, 2], 2**31)}, "seed must hold numbers that fit"),
        ({"keys": np.full([2, 5, 1, 3], np.nan)}, "keys must hold finite"),
        ({"keys": np.zeros([0, 5, 1, 3])}, "keys must have shape"),
        ({"temperature": np.ones([2, 1])}, "temperature must have shape"),
        ({"temperature": 1.0}, "temperature must have shape"),
        ({"temp": np.ones(2)}, "takes the inputs"),
    ]:
        with pytest.raises(UserError, match=message):
            check_request("generate", fields, good | changes)
