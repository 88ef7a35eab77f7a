"""Commands for other machines; the commit; hashes of weights."""

import subprocess
import sys

import keras
import pytest

from kpp_tf import provenance


@pytest.mark.parametrize(
    ("argv", "command"),
    [
        (["tools/a.py", "--steps=3"], "python tools/a.py --steps=3"),
        (["python3.11", "tools/a.py"], "python tools/a.py"),
        (
            [str(provenance.ROOT / "tools" / "a.py")],
            "python tools/a.py",
        ),
        (
            [sys.executable, "tools/a.py", "--data_dir=/somewhere/else"],
            "python tools/a.py --data_dir=DIR",
        ),
        (
            ["tools/a.py", "--workdir=/somewhere/mnist", "--json=/else/b.json"],
            "python tools/a.py --workdir=runs/mnist --json=b.json",
        ),
        (
            ["a.py", f"--config={provenance.ROOT}/configs/ablations.py:pooled"],
            "python a.py --config=configs/ablations.py:pooled",
        ),
        (
            ["/env/lib/kpp_tools/show_data.py", "--config=glyphs", "--out=/x/y.png"],
            "kpp-show-data --config=glyphs --out=y.png",
        ),
        (
            ["a.py", "--config.data.augment=('shift',)", "--text=a b"],
            "python a.py '--config.data.augment=('\"'\"'shift'\"'\"',)' '--text=a b'",
        ),
        (
            ["a.py", "--workdir=../runs/mnist", "--data_dir=../data"],
            "python a.py --workdir=../runs/mnist --data_dir=DIR",
        ),
    ],
)
def test_commands_name_no_machine(argv, command):
    assert provenance.portable_command(argv) == command


def test_weights_have_a_hash_of_their_own():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    first = provenance.weights_hash(model)
    assert len(first) == 12 and first == provenance.weights_hash(model)
    bias = model.layers[0].bias
    bias.assign([0.0, 0.0, 1e-30])
    assert provenance.weights_hash(model) != first
    bias.assign([0.0, 0.0, 0.0])
    assert provenance.weights_hash(model) == first


def test_an_installed_package_has_no_revision(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    subprocess.run(["git", "init", tmp_path.parent], check=True, capture_output=True)
    assert provenance.git_revision() is None


def test_revision_is_that_of_git_or_none(monkeypatch):
    revision = provenance.git_revision()
    if revision is not None:
        assert len(revision.removesuffix("+changes")) == 40

    def absent(*_, **__):
        raise FileNotFoundError("git")

    monkeypatch.setattr(subprocess, "run", absent)
    assert provenance.git_revision() is None
