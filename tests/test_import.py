"""What `import kpp_tf` brings, in a process of its own."""

import pytest

from kpp_tf.models import build_model
from tests.programs import python
from tests.training import tiny


def run(program, *arguments):
    done = python("-c", program, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A model of few weights, and the file that Keras has saved it in."""
    model = build_model(tiny.config())
    path = tmp_path_factory.mktemp("saved") / "m.keras"
    model.save(path)
    return model, path


@pytest.mark.parametrize("first", ["kpp_tf", "keras", "tensorflow"])
def test_keras_loads_a_saved_model_after_this_import_alone(saved, first):
    model, path = saved
    program = f"import sys, {first}, kpp_tf, keras\n"
    program += "print(keras.models.load_model(sys.argv[1]).count_params())"
    assert int(run(program, str(path)).split()[-1]) == model.count_params()


def test_it_adds_models_and_presets_to_tensorflow_and_no_more():
    # TensorFlow's Keras imports matplotlib itself, where it is installed.
    names = run(
        "import sys, tensorflow, keras, tensorflow_probability.python.distributions\n"
        "before = set(sys.modules)\n"
        "import kpp_tf\n"
        "print(*set(sys.modules) - before)"
    ).split()
    assert {name.split(".")[1] for name in names if name.startswith("kpp_tf.")} == {
        "config",
        "errors",
        "files",
        "layers",
        "likelihoods",
        "models",
        "noise",
        "pretrained",
        "validation",
        "version",
    }
    others = {name.partition(".")[0] for name in names} - {"kpp_tf"}
    assert not others & {"matplotlib", "tensorflow_datasets", "PIL", "rich"}


@pytest.mark.parametrize("parsed", [False, True])
def test_a_program_imports_nothing_heavy_before_its_flags_are_parsed(parsed):
    program = "import sys\nfrom absl import flags\n"
    program += "flags.FLAGS(sys.argv[:1])\n" * parsed
    names = run(f"{program}import kpp_tf\nprint(*sys.modules)").split()
    heavy = {"tensorflow", "keras", "numpy", "matplotlib", "tensorflow_datasets"}
    assert bool(heavy & set(names)) is parsed
