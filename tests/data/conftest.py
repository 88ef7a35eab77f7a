"""What the tests of all data sets share."""

import pytest


@pytest.fixture(autouse=True)
def _cache_beside_the_data(monkeypatch):
    monkeypatch.delenv("KPP_CACHE_DIR", raising=False)
