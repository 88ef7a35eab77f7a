"""The memory explorer: builds the browser page of a model.

The page's own files lie in the repository's `explorer/`; LiteRT.js, which runs the
model in the browser, comes from npm into its `node_modules`.
"""

import base64
import gzip
import io
import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from kpp_tf.errors import UserError
from kpp_tf.files import new_folder
from kpp_tf.models import KanervaPlusPlus
from kpp_tf.serving import tflite

# What npm brings, and how the page names it. The wasm without relaxed SIMD runs in
# every browser since 2023 and gives the same bits in all of them.
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
      model: with its weights; one that writes an image at a time.
      images: uint8 [N, H, W, C], written into the memory when the page opens.
      name: of the model.
      source: the folder `explorer/` of the repository; `npm ci` is run in it where
        that was not done yet.
      out: the folder; it must not exist.
      single_file: whether all goes into one `index.html`, which opens without a server.

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
    packages = _packages(source)
    with new_folder(out) as folder:
        # Half precision would round the reader's constants too, and move the key. The
        # weights of a preset have half the bits already, and pack as well.
        content, differences = tflite.convert(model, "float32", 1, SIGNATURES)
        assets = {
            "page.json": json.dumps(_page(model, content, name)).encode(),
            "images.npz": _npz(images),
            "model.tflite": content,
            "litert_wasm.js": packages.pop("litert_wasm.js"),
            "litert_wasm.wasm": packages.pop("litert_wasm.wasm"),
        }
        modules = {path.name: path.read_bytes() for path in source.glob("*.js")}
        modules |= packages
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


def read_examples(path: Path) -> np.ndarray:
    """The images of an .npz that holds `images`: uint8 [N, H, W, C]."""
    with np.load(path, allow_pickle=False) as stored:
        return stored["images"]


def _packages(source: Path) -> dict[str, bytes]:
    """What npm brings, by the page's names."""
    folder = source / "node_modules" / "@litertjs"
    if not (folder / PACKAGES["litert_wasm.wasm"]).is_file():
        npm = shutil.which("npm")
        if npm is None:
            raise UserError(
                "LiteRT.js comes from npm: install Node.js, or run `npm ci` in "
                f"{source} where it is. Received: no npm"
            )
        done = subprocess.run(
            [npm, "ci", "--no-audit", "--no-fund"],
            cwd=source,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise UserError(f"`npm ci` failed in {source}. Received: {done.stderr}")
    found = {name: (folder / path).read_bytes() for name, path in PACKAGES.items()}
    # The package's name means nothing to a browser.
    found["litert.js"] = found["litert.js"].replace(
        b'"@litertjs/wasm-utils"', b'"./litert_wasm_utils.js"'
    )
    for name in ("litert.js", "litert_wasm_utils.js"):
        found[name] = re.sub(rb"//# sourceMappingURL=.*", b"", found[name])
    return found


def _page(model: KanervaPlusPlus, content: bytes, name: str) -> dict:
    """What the page has to know of the model, beside what it computes."""
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
    """The page with everything inside.

    Modules become data: addresses, which an import map gives their names; relative
    names mean nothing there, so "./x.js" becomes "page/x.js".
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
