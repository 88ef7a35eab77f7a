"""Every preset goes the way of a user's images: from a folder to a served model."""

import json

import numpy as np
import pytest

from kpp_tf import pretrained
from kpp_tf.serving import explorer_page, inspection
from kpp_tf.serving.rest_client import RestClient
from tests.programs import ROOT, done
from tests.stand_ins.server import LocalServer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=pretrained.names())
def preset(request):
    return request.param


@pytest.fixture(scope="module")
def mine(preset, tmp_path_factory):
    """The folder that `kpp-remember` made of the preset's example images."""
    out = tmp_path_factory.mktemp(preset) / "mine"
    images = f"--images={pretrained.examples(preset)}"
    done("remember", images, f"--preset={preset}", f"--out={out}")
    return out


def _images(path):
    with np.load(path) as stored:
        return stored["images"]


def test_its_memory_is_drawn_from_by_the_export_and_by_the_model(
    preset, mine, tmp_path
):
    flags = "--num_images=8", f"--memory={mine / 'memory.npz'}"
    out = tmp_path / "exported.npz"
    done("generate", f"--export={mine / 'exported'}", *flags, f"--out={out}")
    drawn = _images(out)
    assert drawn.shape[1:] == _images(pretrained.examples(preset)).shape[1:]
    assert len(drawn) == 8 and drawn.std() > 10


def test_its_export_is_known_and_served(mine):
    described = inspection.inspect(mine / "exported")
    assert described["unknown_ops"] == []
    assert described["memory_floats"]
    with (
        np.load(mine / "memory.npz") as stored,
        LocalServer(mine / "exported") as server,
    ):
        client = RestClient(server.rest, "exported", timeout=300.0)
        memory = {
            name: stored[name.removeprefix("memory_")]
            for name in client.signatures()["generate_from_memory"].inputs
        }
        answer = client.predict(memory, "generate_from_memory")
    assert answer["images"].std() > 0.04


def test_its_tflite_files_are_known(preset, tmp_path):
    flags = "--format=tflite", "--precisions=float32", f"--out={tmp_path}"
    done("export", f"--preset={preset}", *flags)
    (path,) = tmp_path.glob("*.tflite")
    described = json.loads(done("inspect_model", path, "--json").stdout)
    assert described["unknown_ops"] == []
    assert described["memory_floats"]


def test_it_draws_where_no_data_is_named(preset, tmp_path):
    out = tmp_path / "drawn.npz"
    process = done(
        "generate",
        *(f"--preset={preset}", "--num_images=4", f"--out={out}"),
        TFDS_DATA_DIR=None,
    )
    assert "example images" in process.stderr
    assert _images(out).std() > 10


def test_its_page_opens_with_its_example_images(preset, tmp_path):
    if not (ROOT / "explorer" / "node_modules").is_dir():
        pytest.skip("no LiteRT.js: run `npm ci` in explorer/")
    page = tmp_path / "page"
    done("explorer", f"--preset={preset}", f"--out={page}", TFDS_DATA_DIR=None)
    examples = _images(pretrained.examples(preset))
    written = _images(page / "images.npz")
    assert set(map(bytes, written)) <= set(map(bytes, examples))
    assert set(explorer_page.PACKAGES) < {path.name for path in page.iterdir()}
