"""Settings of Keras that would make models compute something else."""

import json

import keras
import pytest

from kpp_tf.errors import UserError
from kpp_tf.models import build_model
from tests.programs import python
from tests.training import tiny


@pytest.fixture
def restored():
    kept = (
        keras.config.image_data_format(),
        keras.config.floatx(),
        keras.config.dtype_policy(),
    )
    yield
    keras.config.set_image_data_format(kept[0])
    keras.config.set_floatx(kept[1])
    keras.config.set_dtype_policy(kept[2])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda: keras.config.set_image_data_format("channels_first"), "channels_last"),
        (lambda: keras.config.set_floatx("float16"), "floatx.*Received: .*'float16'"),
        (lambda: keras.config.set_dtype_policy("float16"), "policy.*'float16'"),
        (lambda: keras.config.set_dtype_policy("bfloat16"), "policy.*'bfloat16'"),
    ],
)
def test_a_model_is_refused(restored, change, message):
    change()
    with pytest.raises(UserError, match=message) as error:
        build_model(tiny.config())
    assert "config.model" not in str(error.value)


def test_the_backend_in_a_users_keras_json_is_ignored(tmp_path):
    (tmp_path / "keras.json").write_text(json.dumps({"backend": "numpy"}))
    program = "import kpp_tf, keras; print(keras.config.backend())"
    done = python("-c", program, KERAS_BACKEND=None, KERAS_HOME=str(tmp_path))
    assert done.stdout.split() == ["tensorflow"], done.stderr


def test_another_backend_of_the_environment_is_named():
    done = python("-c", "import kpp_tf", KERAS_BACKEND="jax")
    assert "UserError: kpp_tf needs the environment's KERAS_BACKEND" in done.stderr


def test_a_program_takes_its_own_backend():
    program = """from absl import flags
from kpp_tf import cli
def main():
    import keras
    print(keras.config.backend())
cli.run(main)"""
    done = python("-c", program, KERAS_BACKEND="jax")
    assert done.stdout.split() == ["tensorflow"], done.stderr
