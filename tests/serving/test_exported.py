"""An export draws as the live model does, and is looked at before it is loaded."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from kpp_tf import noise
from kpp_tf.errors import UserError
from kpp_tf.serving import inspection, saved_model
from kpp_tf.serving.exported import Exported
from tests.serving.tiny_models import LENGTH, tiny_config


def test_an_export_draws_what_the_model_draws(model, exported):
    drawing = Exported(exported.path.parent)
    assert drawing.config.eval.to_dict() == tiny_config().eval.to_dict()
    assert drawing.capacity == model.capacity == 4
    rng = np.random.default_rng(0)
    episode = tf.constant(rng.random([2, LENGTH, 8, 8, 1]), tf.float32)
    mask = tf.constant([[1.0] * LENGTH, [1.0, 1.0, 0.0, 0.0]])
    seeds = noise.row_seeds([0, 1], 2)
    temperature = tf.constant([1.0, 0.5])
    images = [
        one.generate(one.write(episode, mask), LENGTH, seeds, temperature)
        for one in (model, drawing)
    ]
    np.testing.assert_allclose(images[1], images[0], atol=1e-5)


def test_an_export_that_does_not_name_its_experiment_is_refused(exported, tmp_path):
    shutil.copytree(exported.path, tmp_path / "1")
    about = tmp_path / "1" / "assets.extra" / saved_model.DESCRIPTION_FILE
    told = json.loads(about.read_text())
    del told["experiment"]
    about.write_text(json.dumps(told))
    with pytest.raises(UserError, match="export it again.*Received: "):
        Exported(tmp_path)
    about.write_text(json.dumps({**told, "experiment": {"seed": 0}}))
    with pytest.raises(UserError, match="no config of a run.*Received: "):
        Exported(tmp_path)


def test_an_export_with_foreign_operations_is_not_loaded(exported, monkeypatch):
    monkeypatch.setattr(inspection, "KNOWN_OPS", inspection.KNOWN_OPS - {"MatMul"})
    monkeypatch.setattr(tf.saved_model, "load", None)
    with pytest.raises(UserError, match="'MatMul'.*is not loaded"):
        Exported(exported.path)


@pytest.mark.parametrize("file", ["variables.index", "variables.data-00000-of-00001"])
@pytest.mark.parametrize("size", [None, 0, 100])
def test_a_damaged_export_is_named(exported, tmp_path, file, size):
    shutil.copytree(exported.path, tmp_path / "1")
    damaged = tmp_path / "1" / "variables" / file
    content = damaged.read_bytes()
    damaged.unlink()
    if size is not None:
        damaged.write_bytes(content[:size])
    with pytest.raises(UserError, match="damaged.*Received: "):
        Exported(tmp_path)
