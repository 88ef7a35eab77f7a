"""Draws the README's picture of the explorer.

    python -m tests.explorer.picture PAGE docs/figures/explorer.png

PAGE is a folder that tools/explorer.py built.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image

from tests.explorer.conftest import opened, served


def main(folder: Path, out: Path) -> None:
    with (
        served(folder) as address,
        tempfile.TemporaryDirectory() as profile,
        opened(
            shutil.which("chromium"),
            profile,
            viewport={"width": 1280, "height": 915},
            color_scheme="light",
        ) as context,
    ):
        page = context.new_page()
        page.goto(address)
        page.wait_for_selector("body[data-ready]")
        page.click("#draw")
        page.wait_for_selector("#results .thumb >> nth=7")
        page.locator("#written .thumb").nth(16).click()
        page.click("#denoise")
        page.wait_for_selector("#results [data-ended]")
        _draw(page)
        page.screenshot(path=out)
    Image.open(out).convert("RGB").quantize(128).save(out, optimize=True)


def _draw(page):
    """Draws a two."""
    box = page.locator("#sketch").bounding_box()
    stroke = [(0.3, 0.35), (0.4, 0.22), (0.58, 0.22), (0.66, 0.36), (0.5, 0.55)]
    stroke += [(0.32, 0.76), (0.5, 0.74), (0.7, 0.76)]
    for number, (x, y) in enumerate(stroke):
        page.mouse.move(
            box["x"] + x * box["width"], box["y"] + y * box["height"], steps=6
        )
        if number == 0:
            page.mouse.down()
    page.mouse.up()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
