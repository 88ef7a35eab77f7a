"""The memory explorer: builds the browser page of a model.

The page's own files lie in `explorer/`. LiteRT.js, which runs the model in the browser,
comes from npm.
"""

import base64
import gzip
import io
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from kpp_tf.errors import UserError
from kpp_tf.files import new_folder, sha256
from kpp_tf.models import KanervaPlusPlus
from kpp_tf.serving import tflite

# Files of LiteRT.js by the page's names. The wasm without relaxed SIMD runs in every
# browser since 2023 and gives the same bits in all of them.
PACKAGES = {
    "litert.js": "core/dist/index.js",
    "litert_wasm_utils.js": "wasm-utils/dist/index.js",
    "litert_wasm.js": "core/wasm/litert_wasm_compat_internal.js",
    "litert_wasm.wasm": "core/wasm/litert_wasm_compat_internal.wasm",
}
SIGNATURES = ("write_next", "generate_from_keys", "nearness")


def build(
    model: KanervaPlusPlus,
    images: np.ndarray,
    name: str,
    source: Path,
    out: Path,
    single_file: bool = False,
) -> dict[str, float]:
    """Builds the page of a model into a new folder.

    Args:
      model: with its weights; it must write an image at a time.
      images: uint8 [N, H, W, C], written into the memory when the page opens.
      name: the model's.
      source: the folder of the page's own files; see `packages`.
      out: the folder to make; it must not exist.
      single_file: whether to put all into one `index.html`, which needs no server.

    Returns:
      Differences of the page's model to the live one; see `tflite.convert`.

    Raises:
      UserError: for a model that cannot be explored, if `out` exists, or if npm is
        needed and missing.
    """
    if not isinstance(model, KanervaPlusPlus) or model.encoder.shift == "bidirectional":
        raise UserError(
            "the explorer shows a kanerva_plus_plus that writes an image at a time "
            "(config.model.encoder.shift='causal'). Received: "
            f"{type(model).__name__}"
        )
    brought = packages(source)
    with new_folder(out) as folder:
        # Half precision would round the reader's constants too, and move the key. The
        # weights of a preset have half the bits already, and pack as well.
        content, differences = tflite.convert(model, "float32", 1, SIGNATURES)
        assets = {
            "page.json": json.dumps(_page(model, content, name)).encode(),
            "images.npz": _npz(images),
            "model.tflite": content,
            "litert_wasm.js": brought.pop("litert_wasm.js"),
            "litert_wasm.wasm": brought.pop("litert_wasm.wasm"),
        }
        modules = {path.name: path.read_bytes() for path in source.glob("*.js")}
        modules |= brought
        html = (source / "index.html").read_text()
        style = (source / "explorer.css").read_text()
        if single_file:
            html = _one_file(html, style, modules, assets)
        else:
            (folder / "explorer.css").write_text(style)
            for name, data in (modules | assets).items():
                (folder / name).write_bytes(data)
        (folder / "index.html").write_text(html)
    return differences


def first_episode(episodes: tf.data.Dataset) -> np.ndarray:
    """The images of the first of `Episodes`: uint8 [N, H, W, C]."""
    first = next(iter(episodes))
    images = first.images[0][first.mask[0] > 0]
    return np.round(255 * images.numpy()).astype(np.uint8)


def packages(source: Path) -> dict[str, bytes]:
    """The files of LiteRT.js by the page's names.

    They come from `node_modules` in `source`, else in a cache folder, where `npm ci`
    installs them the first time: `source` may be read-only.

    Args:
      source: holds package.json and package-lock.json.

    Raises:
      UserError: if npm is needed, and missing or failing.
    """
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    cache = Path(os.environ.get("KPP_CACHE_DIR") or default / "kpp_tf") / "explorer"
    if (source / "node_modules").is_dir():
        home = source
    else:
        home = cache / sha256(source / "package-lock.json")[:12]
    if not home.is_dir():
        _install(source, home)
    folder = home / "node_modules" / "@litertjs"
    found = {name: (folder / path).read_bytes() for name, path in PACKAGES.items()}
    # The package's name means nothing to a browser.
    found["litert.js"] = found["litert.js"].replace(
        b'"@litertjs/wasm-utils"', b'"./litert_wasm_utils.js"'
    )
    for name in ("litert.js", "litert_wasm_utils.js"):
        found[name] = re.sub(rb"//# sourceMappingURL=.*", b"", found[name])
    return found


def _install(source: Path, home: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise UserError("LiteRT.js comes from npm: install Node.js. Received: no npm")
    with new_folder(home) as folder:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(source / name, folder)
        command = [npm, "ci", "--no-audit", "--no-fund"]
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise UserError(f"`npm ci` failed. Received: {done.stderr}")


def _page(model: KanervaPlusPlus, content: bytes, name: str) -> dict:
    """page.json: what the page has to know about the model."""
    shapes = tflite.LiteModel(content).signatures
    height, width, _ = model.image_shape
    grid = model.reader.grid
    return {
        "about": (
            f"{name}: images of {height} x {width}, a memory of {grid} x {grid} blocks "
            f"of {model.block_size**2 * model.memory_depth} numbers"
        ),
        "image_shape": list(model.image_shape),
        "binary": model.likelihood_name == "bernoulli",
        "grid": grid,
        "block_size": model.block_size,
        "blocks_per_frame": model.blocks_per_frame,
        "finest": model.reader.finest,
        "low": model.reader.low,
        "high": model.reader.high,
        "signatures": {
            name: {key: np.array(f.shape).tolist() for key, f in shapes[name].items()}
            for name in SIGNATURES
        },
    }


def _npz(images: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, images=images)
    return stream.getvalue()


def _one_file(
    html: str, style: str, modules: Mapping[str, bytes], assets: Mapping[str, bytes]
) -> str:
    """The page as one file.

    Modules become data: addresses that an import map names. Relative names do not
    resolve there, so "./x.js" becomes "page/x.js".
    """

    def renamed(code: bytes) -> bytes:
        return re.sub(rb"""(from |import )(["'])\./""", rb"\1\2page/", code)

    def address(code: bytes) -> str:
        encoded = base64.b64encode(renamed(code)).decode()
        return f"data:text/javascript;base64,{encoded}"

    names = {f"page/{name}": address(code) for name, code in modules.items()}
    scripts = [
        f'<script type="importmap">{json.dumps({"imports": names})}</script>',
        *(
            f'<script type="text/plain" id="asset:{name}">'
            f"{base64.b64encode(gzip.compress(data, mtime=0)).decode()}</script>"
            for name, data in assets.items()
        ),
        '<script type="module">import "page/explorer.js";</script>',
    ]
    inside = {
        "script-src 'self' blob:": "script-src 'unsafe-inline' data: blob:",
        "connect-src 'self'; ": "",
        "style-src 'self'": "style-src 'unsafe-inline'",
        '<link rel="stylesheet" href="explorer.css">': f"<style>{style}</style>",
        '<script type="module" src="explorer.js"></script>': "\n".join(scripts),
    }
    for outside, replacement in inside.items():
        assert outside in html, f"index.html changed, and no longer has {outside}"
        html = html.replace(outside, replacement)
    return html
