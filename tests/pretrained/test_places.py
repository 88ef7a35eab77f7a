"""Where presets are found, on a hub too."""

import os
import sys

import pytest

from kpp_tf import pretrained
from kpp_tf.errors import UserError
from tests.evaluation import tiny_models
from tests.programs import python

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("presets") / "tiny"
    return tiny_models.kanerva_plus_plus().save_to_preset(folder)


def test_a_name_a_folder_and_nothing_else(stored, tmp_path, monkeypatch):
    assert pretrained.find(stored) == stored
    assert pretrained.find(str(stored)) == stored
    for name in pretrained.names():
        assert pretrained.find(name) == pretrained.FOLDER / name
    monkeypatch.chdir(tmp_path)
    for source in ("huge", "../tiny", ".", "", str(tmp_path)):
        with pytest.raises(UserError, match=r"a preset is one of \["):
            pretrained.find(source)


@pytest.mark.parametrize("handle", ["hf://", "hf://user", "hf://a/b/c", "hf://a/../b"])
def test_a_handle_names_a_user_and_a_model(handle):
    with pytest.raises(UserError, match="hf://user/name"):
        pretrained.find(handle)


def test_the_extra_of_the_hub_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(UserError, match=r"pip install 'kpp_tf\[hub\]'"):
        pretrained.find("hf://user/name")


def _cached(folder, stored, repository):
    """Lays a preset where huggingface_hub keeps what it has downloaded."""
    owner, name = repository.split("/")
    home = folder / "hub" / f"models--{owner}--{name}"
    snapshot = home / "snapshots" / COMMIT
    for number, path in enumerate(sorted(stored.iterdir())):
        blob = home / "blobs" / f"{number:040x}"
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(path.read_bytes())
        snapshot.mkdir(parents=True, exist_ok=True)
        (snapshot / path.name).symlink_to(os.path.relpath(blob, snapshot))
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(COMMIT)


def _find(handle, home):
    """What a process without a network says of a handle."""
    program = "import sys\nfrom kpp_tf import pretrained\n"
    program += "print(pretrained.find(sys.argv[1]))"
    return python("-c", program, handle, HF_HOME=str(home), HF_HUB_OFFLINE="1")


@pytest.mark.parametrize("revision", ["", "@main", f"@{COMMIT}"])
def test_a_preset_of_the_hub_is_found_in_its_cache(stored, tmp_path, revision):
    pytest.importorskip("huggingface_hub")
    _cached(tmp_path, stored, "user/tiny")
    done = _find(f"hf://user/tiny{revision}", tmp_path)
    assert done.returncode == 0, done.stderr
    folder = done.stdout.strip()
    assert folder.endswith(COMMIT)
    model = tiny_models.kanerva_plus_plus()
    pretrained.restore_weights(model, pretrained.find(folder))


def test_what_the_hub_does_not_have_is_one_message(tmp_path):
    pytest.importorskip("huggingface_hub")
    done = _find("hf://user/absent", tmp_path)
    assert done.stderr.splitlines()[-1].startswith(
        "kpp_tf.errors.UserError: the preset cannot be downloaded: "
    )
    assert "Received: 'hf://user/absent'" in done.stderr
