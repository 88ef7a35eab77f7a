"""Export and inspection from a training run's folder, as a user types them."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from kpp_tf.models import build_model
from kpp_tf.training import checkpoints, workdirs
from tests.programs import done, tool
from tests.serving.tiny_models import tiny_config
from tests.stand_ins.server import LocalServer


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    config = tiny_config()
    config.data.image_shape = (28, 28, 1)  # the glyphs'
    config.eval.episodes_per_batch = 2
    folder = tmp_path_factory.mktemp("run")
    workdirs.write_config(folder, config, 0)
    model = build_model(config)
    optimizer = keras.optimizers.Adam()
    optimizer.build(model.trainable_variables)
    checkpoints.Checkpointer(folder, model, optimizer).save(1)
    return folder


def test_a_run_is_exported_inspected_and_served(workdir, tmp_path):
    process = done("export", f"--workdir={workdir}", f"--out={tmp_path}", "--name=m")
    version = tmp_path / "m" / "1"
    assert f"Wrote {version}" in process.stdout
    assert (version / "saved_model.pb").is_file()
    flags = f"--workdir={workdir}", "--json"
    process = done("inspect_model", tmp_path / "m", *flags)
    described = json.loads(process.stdout)
    assert described["path"] == str(version)
    assert described["memory_floats"] == described["live"]["memory_floats"] == 36
    assert described["live"]["flops_per_image"]["generate"] > 0
    _assert_drawn_alike(workdir, tmp_path / "m", tmp_path)
    picture = tmp_path / "samples.png"
    with LocalServer(tmp_path / "m") as server:
        done(
            "serving_client",
            "--api=grpc",
            f"--address={server.grpc}",
            "--model=m",
            "--episodes=2",
            "--timeout=120",
            f"--out={picture}",
        )
    with Image.open(picture) as grid:  # 4 images of each of 2 episodes, zoomed by 2
        assert grid.size == (4 * (56 + 2) + 2, 2 * (56 + 2) + 2)


def _assert_drawn_alike(workdir, export, folder):
    """That the export draws what the live model draws of the same episodes."""
    drawn = []
    for flag in (f"--workdir={workdir}", f"--export={export}"):
        out = folder / f"{len(drawn)}.npz"
        flags = ("--num_images=10", "--seed=3", "--temperature=0.5", f"--out={out}")
        done("generate", flag, *flags)
        with np.load(out) as stored:
            drawn.append(stored["images"].astype(int))
    live, exported = drawn
    assert live.std() > 0 and np.abs(live - exported).max() <= 1


@pytest.mark.slow
def test_a_run_is_exported_to_tflite_once(workdir, tmp_path):
    arguments = f"--workdir={workdir}", f"--out={tmp_path}", "--format=tflite"
    process = done("export", *arguments, "--name=m")
    assert process.stdout.count("builtin operations alone") == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"m-{precision}.tflite" for precision in ("float16", "float32", "int8")
    ]
    again = tool("export", *arguments, "--name=m")
    assert again.returncode == 1
    assert "never overwritten" in again.stderr
    process = done("inspect_model", str(tmp_path / "m-int8.tflite"))
    assert "signature generate_from_keys" in process.stdout


@pytest.mark.slow
def test_a_folder_is_remembered_and_the_memory_served(workdir, tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    rng = np.random.default_rng(0)
    for number in range(5):
        pixels = rng.integers(0, 256, (30, 40, 3), np.uint8)
        Image.fromarray(pixels).save(pictures / f"{number}.png")
    out = tmp_path / "mine"
    done = tool(
        "remember", f"--images={pictures}", f"--preset={workdir}", f"--out={out}"
    )
    assert done.returncode == 0, done.stderr
    assert "a memory of 3 x 3 cells, which holds 5" in done.stdout
    last = (
        f"Wrote {out}/memory.npz, map.png, places.json, pictures/ and {out}/exported/1."
    )
    assert done.stdout.strip().endswith(last)
    assert {"recall", "zoom"} <= {path.stem for path in (out / "pictures").iterdir()}
    drawn = tmp_path / "drawn.npz"
    draw = ("generate", f"--export={out / 'exported'}", "--num_images=6")
    done = tool(*draw, f"--memory={out / 'memory.npz'}", f"--out={drawn}")
    assert done.returncode == 0, done.stderr
    with np.load(drawn) as stored:
        assert stored["images"].shape[0] == 6 and stored["images"].std() > 0
    foreign = tmp_path / "foreign.npz"
    with np.load(out / "memory.npz") as stored:
        fields = {name: stored[name] for name in stored}
    np.savez(foreign, **{**fields, "cells": fields["cells"][:, :2, :2]})
    done = tool(*draw, f"--memory={foreign}", f"--out={tmp_path / 'none.npz'}")
    assert done.returncode == 1 and "another model" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    picture = tmp_path / "samples.png"
    with LocalServer(out / "exported") as server:
        done = tool(
            "serving_client",
            f"--address={server.rest}",
            "--model=exported",
            f"--memory={out / 'memory.npz'}",
            f"--out={picture}",
        )
    assert done.returncode == 0, done.stderr
    with Image.open(picture) as grid:  # 4 images of one memory, zoomed by 2
        assert grid.size == (4 * (56 + 2) + 2, 56 + 4)


@pytest.mark.slow
def test_the_demo_remembers_trains_and_reports(tmp_path):
    done = tool("demo", f"--out={tmp_path}", "--steps=2")
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["training_steps"] == 2
    assert done.stdout.endswith(f"Wrote {tmp_path / 'report.json'}.\n")
    for file in report["pictures"]:
        Image.open(file).verify()
    assert (Path(report["export"]) / "saved_model.pb").is_file()
