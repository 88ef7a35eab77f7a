"""The REST client before servers and proxies that are not TF Serving."""

import contextlib
import http.server
import json
import socket
import threading

import pytest

from kpp_tf.errors import UserError
from kpp_tf.serving.client_base import ServingError, UnavailableError
from kpp_tf.serving.grpc_client import GrpcClient
from kpp_tf.serving.rest_client import RestClient


@contextlib.contextmanager
def answering(code, body):
    """A server that gives one answer to everything; yields address and requests."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *unused):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def sending(data):
    """A server that sends bytes to whoever connects, whatever it hears."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def work():
            with contextlib.suppress(OSError):  # closed at the end
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        connection.recv(4096)
                        connection.sendall(data)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def ask(address, attempts=3):
    """The error's type and text; one line, whatever was answered."""
    client = RestClient(address, "m", timeout=30.0, attempts=attempts, pause=0.001)
    with pytest.raises(ServingError) as caught:
        client.signatures()
    assert address in str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.type, str(caught.value)


@pytest.mark.parametrize(
    ("code", "again"),
    [
        (429, True),
        (502, True),
        (503, True),
        (504, True),
        (302, False),
        (400, False),
        (404, False),
        (500, False),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>\nproxy\n</html>"])
def test_a_proxys_answer_is_named_and_tried_again_as_grpc_does(code, again, body):
    with answering(code, body) as (address, asked):
        kind, text = ask(address)
    assert f"answered {code}" in text
    assert ("empty body" if not body else "<html> proxy </html>") in text
    assert kind is (UnavailableError if again else ServingError)
    assert len(asked) == (3 if again else 1)


def test_the_servers_own_message_is_kept():
    with answering(404, json.dumps({"error": "no model m"}).encode()) as (address, _):
        assert ask(address)[1].endswith("404 Not Found: no model m")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>login</html>",
        b"{}",
        b"[]",
        b'{"metadata": null}',
        b'{"metadata": {"signature_def": {"signature_def": {"write": {"inputs": '
        b'{"x": {"dtype": "DT_STRING"}}, "outputs": {}}}}}}',
    ],
)
def test_a_foreign_answer_with_status_200_is_refused(body):
    with answering(200, body) as (address, asked):
        kind, text = ask(address)
    assert kind is ServingError and "answered 200" in text
    assert len(asked) == 1


def test_what_does_not_speak_http_is_no_rest_port():
    with sending(b"\x00\x00\x12\x04\x00\x00 HTTP/2 settings\r\n\r\n") as address:
        kind, text = ask(address)
    assert kind is ServingError and "port of the REST API" in text


@pytest.mark.parametrize(
    "data", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"]
)
def test_a_broken_connection_is_tried_again(data):
    with sending(data) as address:
        assert ask(address)[0] is UnavailableError


def test_a_name_that_is_not_resolved_is_tried_again(monkeypatch):
    tried = []

    def lookup(*args, **kwargs):
        tried.append(args)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    kind, text = ask("host.invalid:8501")
    assert kind is UnavailableError and "Name or service not known" in text
    assert len(tried) == 3


@pytest.mark.parametrize(
    "address",
    [
        "http://localhost:8501",
        "https://localhost",
        "localhost:8501/",
        "localhost:8501/v1/models/m",
        "localhost",
        "localhost:http",
        "localhost:99999",
        "::1:8501",
        "user@localhost:8501",
        "",
    ],
)
@pytest.mark.parametrize("client", [RestClient, GrpcClient])
def test_an_address_is_host_and_port_alone(client, address):
    with pytest.raises(UserError, match="must be host:port.*Received"):
        client(address, "m")


def test_an_address_may_be_of_version_6():
    RestClient("[::1]:8501", "m")
