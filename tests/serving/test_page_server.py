"""A page on the loopback interface."""

import threading
import urllib.request

import pytest

from kpp_tf.errors import UserError
from kpp_tf.serving import page_server


@pytest.fixture
def page(tmp_path):
    (tmp_path / "index.html").write_text("<p>here</p>")
    (tmp_path / "explorer.js").write_text("// here")
    return tmp_path


def test_it_is_served_on_the_loopback_interface_alone(page):
    with page_server.server(page, 0) as server:
        assert server.server_address[0] == "127.0.0.1"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}/"
        with urllib.request.urlopen(f"{address}explorer.js") as answer:
            assert answer.headers["Content-Type"] == "text/javascript"
            assert answer.read() == (page / "explorer.js").read_bytes()
        with pytest.raises(UserError, match=f"Received: {server.server_port}"):
            page_server.server(page, server.server_port)
        server.shutdown()
        thread.join()


def test_nothing_is_served_where_no_page_is(tmp_path):
    with pytest.raises(UserError, match="no page"):
        page_server.server(tmp_path, 0)
