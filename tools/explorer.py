r"""Builds a page to explore a model's memory in a browser.

    python tools/explorer.py --preset=binarized_mnist --out=runs/explorer --serve
    python tools/explorer.py --workdir=runs/glyphs --out=page --single_file
    python tools/explorer.py --out=runs/explorer --serve

Any server of files can serve the page; with --single_file it is one file that opens
without a server. Without a model, the page that lies in --out is served. When the page
opens it writes images into the memory: a preset's example images, or, with --data_dir
or --workdir, the first test images of the model's data.
"""

from pathlib import Path

from absl import flags

from kpp_tf import cli
from kpp_tf.errors import UserError

MODEL = cli.ModelFlags(required=False)
DATA = cli.DataFlags()
OUT = flags.DEFINE_string("out", None, "Folder of the page.", required=True)
SINGLE_FILE = flags.DEFINE_bool("single_file", False, "Put all into one index.html.")
SERVE = flags.DEFINE_bool("serve", False, "Serve --out on the loopback interface.")
PORT = flags.DEFINE_integer("port", 8000, "Port of --serve; 0 takes a free one.")


def main() -> None:
    """Builds, serves, or both."""
    name = MODEL.preset.value or MODEL.workdir.value
    if not (name or SERVE.value):
        raise UserError("name a model, or --serve a page that lies in --out")
    out = Path(OUT.value)
    if name:
        _build(Path(name).name, out)
    if SERVE.value:
        from kpp_tf.serving import page_server

        with page_server.server(out, PORT.value) as server:
            print(
                f"http://127.0.0.1:{server.server_port}/ (Ctrl-C ends it)", flush=True
            )
            server.serve_forever()


def _build(name: str, out: Path) -> None:
    if out.exists():  # before the work
        raise UserError(
            f"--out exists already; --out={out} --serve alone serves a page that was "
            f"built before. Received: --out={out}"
        )
    model, config = MODEL.load()
    from kpp_tf.serving import explorer_page

    images = explorer_page.first_episode(DATA.episodes(config, MODEL.preset.value))
    source = cli.beside_package("explorer")
    explorer_page.build(model, images, name, source, out, SINGLE_FILE.value)
    print(f"Wrote {out}/index.html.")


if __name__ == "__main__":
    cli.run(main)
