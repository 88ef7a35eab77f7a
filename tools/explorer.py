r"""Builds a page to look into a model's memory with a browser.

    python tools/explorer.py --pretrained=binarized_mnist --out=runs/explorer --serve
    python tools/explorer.py --workdir=runs/glyphs --out=page --single_file
    python tools/explorer.py --out=runs/explorer --serve

The page needs no server but one of files; with --single_file it is one file, and needs
none. Without a model, the page that is in --out is served. The images that the memory
is written from when the page opens are test images of the model's data.
"""

from pathlib import Path

from absl import flags

from kpp_tf import cli
from kpp_tf.errors import UserError

EXPLORER = Path(__file__).resolve().parent.parent / "explorer"
MODEL = cli.ModelFlags(required=False)
flags.DEFINE_alias("preset", "pretrained")  # as tools/remember.py calls it
DATA = cli.DataFlags()
OUT = flags.DEFINE_string("out", None, "Folder of the page.", required=True)
SINGLE_FILE = flags.DEFINE_bool("single_file", False, "Put all into one index.html.")
SERVE = flags.DEFINE_bool("serve", False, "Serve --out on the loopback interface.")
PORT = flags.DEFINE_integer("port", 8000, "Of --serve; 0 takes a free one.")


def main() -> None:
    """Builds, serves, or both."""
    name = MODEL.pretrained.value or MODEL.workdir.value
    if not (name or SERVE.value):
        raise UserError("name a model, or --serve a page that is there")
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


def _build(name, out):
    if out.exists():  # said before the work
        raise UserError(
            f"there is something; --out={out} --serve alone shows a page that was "
            f"built before. Received: --out={out}"
        )
    model, config = MODEL.load()
    from kpp_tf.serving import explorer_page

    examples = EXPLORER / "examples" / f"{name}.npz"
    if MODEL.pretrained.value and examples.is_file():
        images = explorer_page.read_examples(examples)
    else:
        images = explorer_page.first_episode(DATA.episodes(config))
    explorer_page.build(model, images, name, EXPLORER, out, SINGLE_FILE.value)
    print(f"Wrote {out}/index.html.")


if __name__ == "__main__":
    cli.run(main)
