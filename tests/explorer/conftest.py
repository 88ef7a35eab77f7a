"""The explorer's page of a preset, built once, served, and opened in a real browser."""

import contextlib
import os
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from kpp_tf import pretrained
from kpp_tf.serving import explorer_page, page_server

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "explorer"
PRESET = "binarized_mnist"
# Nothing of the browser's own may go out, and it may run as root in a container.
FLAGS = """--no-sandbox --disable-gpu --disable-quic --no-first-run
--disable-background-networking --disable-component-update --disable-sync""".split()


@pytest.fixture(scope="session")
def chromium():
    """The path of a browser; skips the test if there is none."""
    pytest.importorskip("playwright", reason="playwright is not installed")
    path = os.environ.get("KPP_CHROMIUM") or shutil.which("chromium")
    if path is None:
        pytest.skip("no chromium: install Debian's, or name one in KPP_CHROMIUM")
    if not (SOURCE / "node_modules" / "@litertjs").is_dir():
        pytest.skip("no LiteRT.js: run `npm ci` in explorer/")
    return path


@pytest.fixture(scope="session")
def model():
    from kpp_tf.models import load_preset

    return load_preset(PRESET)[0]


@pytest.fixture(scope="session")
def images():
    """What the page writes first: uint8 [N, H, W, C]."""
    with np.load(pretrained.examples(PRESET)) as file:
        return file["images"]


@pytest.fixture(scope="session")
def built(chromium, model, images, tmp_path_factory):
    """The folder of the page."""
    out = tmp_path_factory.mktemp("explorer") / "page"
    explorer_page.build(model, images, PRESET, SOURCE, out)
    return out


@contextlib.contextmanager
def served(folder):
    """Serves a page; yields its address."""
    with page_server.server(folder, 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def opened(chromium, profile, **options):
    """A browser without a past, which keeps its own things in the folder `profile`."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=chromium,
            args=FLAGS,
            reduced_motion="reduce",  # steps of denoising without pauses
            **options,
        )
        yield context
        context.close()


@pytest.fixture(scope="session")
def address(built):
    with served(built) as address:
        yield address


@pytest.fixture(scope="session")
def browser(chromium, tmp_path_factory):
    profile = tmp_path_factory.mktemp("profile")
    with opened(chromium, profile, viewport={"width": 1360, "height": 860}) as browser:
        yield browser


@pytest.fixture
def tab(browser):
    """A tab that fails the test at an error of the page, or a request elsewhere."""
    tab = browser.new_page()
    requests, errors = [], []
    tab.on("request", lambda request: requests.append(request.url))
    tab.on("pageerror", lambda error: errors.append(str(error)))
    yield tab
    opened = tab.url
    tab.close()
    assert not errors
    own = ("blob:", "data:", opened.rpartition("/")[0])
    assert [url for url in requests if not url.startswith(own)] == []


@pytest.fixture
def page(tab, address):
    """The page, with its first images written."""
    tab.goto(address)
    tab.wait_for_selector("body[data-ready]")
    return tab
