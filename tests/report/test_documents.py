"""Documents with tables: what is replaced, and that the committed ones are current."""

import pytest

from kpp_tf.errors import UserError
from kpp_tf.report import documents, measured, results
from tests.test_repository import ROOT

TEXT = "before\n<!-- table: bounds -->\nold\nolder\n<!-- end of table -->\nafter\n"


def test_only_the_lines_between_the_markers_change():
    new = "before\n<!-- table: bounds -->\nnew\n<!-- end of table -->\nafter\n"
    assert documents.filled(TEXT, {"bounds": "new\n"}) == new
    assert documents.filled(new, {"bounds": "new\n"}) == new
    twice = documents.filled(TEXT * 2, {"bounds": "new\n"})
    assert twice == new * 2
    assert documents.filled("plain\n", {}) == "plain\n"


def test_a_table_that_does_not_exist_is_named():
    with pytest.raises(UserError, match="the tables runs, terms. Received: bounds"):
        documents.filled(TEXT, {"runs": "", "terms": ""})


@pytest.fixture(scope="module")
def tables():
    return measured.tables(results.read(ROOT / "results"))


@pytest.mark.parametrize("name", documents.FILES)
def test_committed_tables_equal_the_result_files(name, tables):
    text = (ROOT / name).read_text()
    assert documents.filled(text, tables) == text


def test_every_table_stands_in_one_document(tables):
    texts = [(ROOT / name).read_text() for name in documents.FILES]
    for name in tables:
        assert sum(text.count(f"<!-- table: {name} -->") for text in texts) == 1, name
