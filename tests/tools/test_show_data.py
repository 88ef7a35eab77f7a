import json

import numpy as np
import pytest
from PIL import Image

from kpp_tf.data import glyphs
from tests.programs import ROOT, done


def test_writes_the_picture_and_the_numbers(tmp_path):
    picture, numbers = tmp_path / "grid.png", tmp_path / "data.json"
    process = done(
        "show_data",
        f"--config={ROOT / 'configs' / 'glyphs.py'}",
        "--config.data.episode_length=6",
        "--split=test",
        "--rows=3",
        f"--out={picture}",
        f"--json={numbers}",
    )
    assert f"Wrote {picture}" in process.stdout
    report = json.loads(numbers.read_text())
    images = glyphs.load("test").images / 255
    assert report["images"] == 6000
    assert report["image_shape"] == [28, 28, 1]
    assert report["classes"] == 300
    assert report["mean"] == pytest.approx(images.mean(), abs=1e-9)
    assert report["standard_deviation"] == pytest.approx(images.std(), abs=1e-9)
    grid = np.asarray(Image.open(picture).convert("L"))
    assert grid.shape == (3 * 30 + 2, 6 * 30 + 2)
    # Images are black and white, and what is between them is grey.
    assert set(np.unique(grid[2:30, 2:30])) == {0, 255}
    assert set(np.unique(grid[30:32])) == {128}
