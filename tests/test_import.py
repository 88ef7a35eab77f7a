"""What `import kpp_tf` brings, in a process of its own."""

import subprocess
import sys

import pytest

from kpp_tf import config
from kpp_tf.models import build_model


def run(program, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_package_alone_loads_nothing_heavy():
    names = run("import sys, kpp_tf; print(*sys.modules)").split()
    heavy = {"tensorflow", "keras", "numpy", "matplotlib", "tensorflow_datasets"}
    assert not heavy & set(names)


@pytest.mark.parametrize("first", ["keras", "tensorflow"])
def test_keras_loads_a_saved_model_after_this_import_alone(tmp_path, first):
    small = config.default()
    small.data.image_shape = (8, 8, 1)
    small.model.encoder.update({"widths": (4,), "blocks": (1,), "embedding_size": 4})
    small.model.decoder.update({"widths": (4,), "blocks": (1,), "hidden": 4})
    model = build_model(small)
    path = tmp_path / "m.keras"
    model.save(path)
    program = f"""
import sys
import {first}, keras
before = set(sys.modules)
import kpp_tf
print(keras.models.load_model(sys.argv[1]).count_params())
print(*set(sys.modules) - before)
"""
    count, names = run(program, str(path)).splitlines()[-2:]
    assert int(count) == model.count_params()
    packages = {name.partition(".")[0] for name in names.split()}
    assert not packages & {"tensorflow_datasets", "matplotlib"}
