"""How a program of tools/ starts and ends, tried on small programs."""

import pytest

from tests.programs import python

PROGRAM = """
import errno, os
from absl import flags, logging
from kpp_tf import cli
from kpp_tf.errors import UserError

SIDE = flags.DEFINE_integer("side", 1, "Of a square.")
NAME = flags.DEFINE_string("name", None, "Of it.")
PARTS = flags.DEFINE_list("parts", None, "Of it.")
CONFIG = cli.define_config("faults")

def main({parameter}):
    {body}

cli.run(main, arguments={arguments})
"""


@pytest.fixture
def program(tmp_path):
    """Function of a body and flags to what a program with that body did."""

    def run(body, *flags, arguments=False):
        path = tmp_path / "square.py"
        parameter = "words" if arguments else ""
        path.write_text(
            PROGRAM.format(body=body, parameter=parameter, arguments=arguments)
        )
        return python(path, *flags)

    return run


def test_what_main_returns_is_the_exit_code(program):
    assert program("print(SIDE.value ** 2); return 3", "--side=5").returncode == 3
    done = program("print(SIDE.value ** 2)", "--side=5")
    assert (done.returncode, done.stdout, done.stderr) == (0, "25\n", "")


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("raise UserError('no square. Received: 3')", "no square. Received: 3"),
        ("raise UserError('two\\n  lines')", "two lines"),
        ("raise TimeoutError('no answer in 3 s')", "no answer in 3 s"),
        ("open('/nowhere/file')", "/nowhere/file: No such file or directory"),
        ("os.mkdir('/')", "/: File exists"),
        (
            "raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), 'a.npz')",
            "a.npz: No space left on device",
        ),
    ],
)
def test_what_a_person_can_put_right_is_one_line(program, body, line):
    done = program(body)
    assert done.stderr == f"square: {line}\n"
    assert done.returncode == 1


@pytest.mark.parametrize(
    "body",
    ["raise ValueError('Received: 3')", "raise OSError(errno.EIO, 'broken', 'disk')"],
)
def test_other_errors_keep_their_traceback(program, body):
    done = program(body)
    assert done.returncode == 1
    assert "Traceback" in done.stderr and body in done.stderr


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ("--sides=3", "Unknown command line flag 'sides'"),
        ("--side=x", "--side=x"),
        ("--config=nowhere.py", "Received: nowhere.py"),
        ("--config=nowhere", "or be one of ['ablations', "),
        ("--config.data.nowhere=3", "'nowhere'"),
        ("--config.seed=x", "--config.seed=x"),
        ("--name=", "--name must not be empty"),
        ("--parts=", "--parts must not be empty"),
        ("stray", "flags only, which start with '--'. Received: stray"),
    ],
)
def test_wrong_flags_are_one_line(program, flag, said):
    done = program("print('ran')", "--config=configs/faults.py", flag)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("square: ") and said in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("flag", "name"),
    [
        ("--config=glyphs", "glyphs"),
        ("-config=configs/fashion_mnist.py", "fashion_mnist"),
        ("--config=table:vae,omniglot28", "omniglot28"),
    ],
)
def test_a_config_goes_by_its_name_or_its_path(program, flag, name):
    done = program("print(CONFIG.value.data.name)", flag)
    assert done.stdout == f"{name}\n", done.stderr


def test_an_error_in_a_config_file_keeps_its_traceback(program, tmp_path):
    config = tmp_path / "config.py"
    config.write_text("def get_config():\n    return tuple.nothing\n")
    done = program("print('ran')", f"--config={config}")
    assert done.returncode == 1
    assert "return tuple.nothing" in done.stderr


def test_an_interrupt_is_one_line_and_130(program):
    done = program("os.kill(os.getpid(), 2); import time; time.sleep(60)")
    assert (done.returncode, done.stderr) == (130, "square: interrupted\n")


def test_a_reader_that_has_seen_enough_is_no_error(program):
    body = "raise BrokenPipeError(errno.EPIPE, 'Broken pipe')"
    assert program(body).stderr == ""


def test_arguments_are_passed_on_where_they_are_wanted(program):
    done = program("print(words)", "a", "--side=2", "b", arguments=True)
    assert done.stdout == "['a', 'b']\n"


def test_lines_of_tensorflow_are_as_many_as_are_asked_for(program, monkeypatch):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL")
    body = "print(os.environ['TF_CPP_MIN_LOG_LEVEL'], logging.get_verbosity())"
    assert program(body).stdout == "3 -1\n"
    assert program(body, "--verbosity=0").stdout == "0 0\n"
    assert program(body, "--verbosity=-3").stdout == "3 -3\n"


def test_configs_and_presets_are_listed(program):
    done = program("print('ran')", "--list")
    assert done.returncode == 0 and "ran" not in done.stdout
    assert "  glyphs " in done.stdout and "Kanerva++" in done.stdout
    assert done.stdout.splitlines()[-1] == "  omniglot28"
