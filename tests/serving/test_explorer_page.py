"""The explorer's page as it is built; tests/explorer opens it in a browser."""

import io
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from kpp_tf.errors import UserError
from kpp_tf.models import build_model
from kpp_tf.serving import explorer_page, tflite
from tests.serving.tiny_models import tiny_config

ROOT = Path(__file__).resolve().parents[2]
IMAGES = np.arange(3 * 64, dtype=np.uint8).reshape(3, 8, 8, 1)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """The repository's page, with something short in place of LiteRT.js."""
    source = tmp_path_factory.mktemp("source") / "explorer"
    shutil.copytree(
        ROOT / "explorer", source, ignore=shutil.ignore_patterns("node_modules")
    )
    for name, path in explorer_page.PACKAGES.items():
        file = source / "node_modules" / "@litertjs" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"// {name}\n")
    core = source / "node_modules" / "@litertjs" / explorer_page.PACKAGES["litert.js"]
    core.write_text(
        'import { a } from "@litertjs/wasm-utils";\n//# sourceMappingURL=index.js.map'
    )
    return source


@pytest.fixture(scope="module")
def page(source, model, tmp_path_factory):
    out = tmp_path_factory.mktemp("built") / "page"
    explorer_page.build(model, IMAGES, "tiny", source, out)
    return out


def test_the_page_describes_its_model(page, model):
    described = json.loads((page / "page.json").read_text())
    assert described["image_shape"] == [8, 8, 1] and described["binary"]
    assert described["grid"] == 2 and described["finest"] == model.reader.finest
    assert described["about"].startswith("tiny: images of 8 x 8")
    keys = described["signatures"]["generate_from_keys"]["keys"]
    assert keys == [1, 1, 1, 3]
    lite = tflite.LiteModel((page / "model.tflite").read_bytes())
    assert sorted(lite.signatures) == sorted(described["signatures"])
    stored = np.load(io.BytesIO((page / "images.npz").read_bytes()))
    np.testing.assert_array_equal(stored["images"], IMAGES)


def test_every_import_is_a_file_of_the_page(page):
    modules = list(page.glob("*.js"))
    assert len(modules) > 10
    for module in modules:
        for name in re.findall(r"""from ["'](.*?)["']""", module.read_text()):
            assert (page / name).is_file(), f"{module.name} imports {name}"
    assert "sourceMappingURL" not in (page / "litert.js").read_text()


def test_a_page_of_one_file_refers_to_no_other(source, model, tmp_path):
    out = tmp_path / "page"
    explorer_page.build(model, IMAGES, "tiny", source, out, single_file=True)
    assert [path.name for path in out.iterdir()] == ["index.html"]
    html = (out / "index.html").read_text()
    assert not re.search(r'(src|href)="(?!data:)', html)
    assert "connect-src" not in html


def test_what_is_there_is_kept(page, source, model):
    with pytest.raises(UserError, match="there is something"):
        explorer_page.build(model, IMAGES, "tiny", source, page)


def test_a_model_that_cannot_write_one_image_is_refused(source, tmp_path):
    config = tiny_config()
    config.model.encoder.shift = "bidirectional"
    with pytest.raises(UserError, match="an image at a time"):
        explorer_page.build(
            build_model(config), IMAGES, "tiny", source, tmp_path / "page"
        )


def test_without_npm_it_is_said_what_to_install(source, model, tmp_path, monkeypatch):
    bare = tmp_path / "explorer"
    shutil.copytree(source, bare, ignore=shutil.ignore_patterns("node_modules"))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setenv("KPP_CACHE_DIR", str(tmp_path / "cache"))
    with pytest.raises(UserError, match=r"install Node\.js"):
        explorer_page.build(model, IMAGES, "tiny", bare, tmp_path / "page")
    assert not (tmp_path / "page").exists()


def test_the_lock_names_no_registry():
    assert "resolved" not in (ROOT / "explorer" / "package-lock.json").read_text()
