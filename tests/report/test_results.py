"""Result files: what is read, and what is refused."""

import pytest

from kpp_tf.errors import UserError
from kpp_tf.report import results


def test_files_are_read_by_folder_and_name(tmp_path):
    assert results.read(tmp_path / "absent") == []
    content = {"stored": {"value": 1.5, "standard_error": 0.5, "unit": "bits/dim"}}
    results.write(tmp_path / "vae" / "mnist.json", {"steps": 2, "nudge": None})
    results.write(tmp_path / "kpp" / "mnist.json", content)
    (tmp_path / "kpp" / "notes.txt").write_text("not read")
    (tmp_path / "stray.json").write_text("{}")
    assert results.read(tmp_path) == [
        ("kpp", "mnist", content),
        ("vae", "mnist", {"steps": 2}),
    ]


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_what_is_no_json_object_is_named(tmp_path, text):
    (tmp_path / "kpp").mkdir()
    (tmp_path / "kpp" / "a.json").write_text(text)
    with pytest.raises(UserError, match=r"the file .*Received: .*a\.json"):
        results.read(tmp_path)


@pytest.mark.parametrize(
    "bound",
    [
        13.5,
        {"value": 13.5, "standard_error": 0.5},
        {"value": 13.5, "standard_error": 0.5, "unit": "nats"},
        {"value": "13.5", "standard_error": 0.5, "unit": "nats/image"},
        {"value": 13.5, "unit": "nats/image"},
    ],
)
def test_a_malformed_bound_is_named(tmp_path, bound):
    results.write(tmp_path / "kpp" / "a.json", {"unseen": bound})
    with pytest.raises(UserError, match=r"unseen of .*a\.json must be.*Received"):
        results.read(tmp_path)
