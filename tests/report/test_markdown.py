"""Cells and tables of Markdown."""

import pytest

from kpp_tf.report import markdown


def test_a_table_has_a_line_a_row():
    lines = list(markdown.table(("a", "b"), [["1", "2"]]))
    assert lines == ["| a | b |", "| :--- | ---: |", "| 1 | 2 |", ""]


def test_an_empty_table_says_so():
    assert list(markdown.table(("a", "b"), [])) == ["Not measured yet.\n"]


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="Received"):
        list(markdown.table(("a", "b"), [["1"]]))


def test_cells():
    assert markdown.number(None) == markdown.cell(None) == "-"
    assert markdown.number(1234.5678) == "1,234.57"
    assert markdown.cell(0.123456) == "0.1235" and markdown.cell(14000) == "14,000"
    assert markdown.cell("test") == "test"
