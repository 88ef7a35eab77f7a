"""Cells and tables of Markdown."""

import pytest

from kpp_tf.report import markdown


def test_a_table_has_a_line_a_row():
    found = markdown.table(("a", "b"), [["1", "2"]])
    assert found == "| a | b |\n| :--- | ---: |\n| 1 | 2 |\n"


def test_an_empty_table_says_so():
    assert markdown.table(("a", "b"), []) == "Not measured yet.\n"


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="Received"):
        markdown.table(("a", "b"), [["1"]])


def test_cells():
    assert markdown.cell(None) == "-" and markdown.cell("test") == "test"
    assert markdown.cell(0.123456) == "0.1235" and markdown.cell(14000) == "14,000"


def test_bounds_have_two_decimals_in_nats_and_three_in_bits():
    nats = {"value": 1234.5678, "standard_error": 0.25, "unit": "nats/image"}
    assert markdown.bound(nats) == "1,234.57 +- 0.25"
    assert markdown.bound({**nats, "unit": "bits/dim"}, error=False) == "1,234.568"
    assert markdown.bound(None) == "-"
