"""An episode and seeds that the tests of the models share."""

import pytest

from tests.models import tiny_models


@pytest.fixture(scope="session")
def episode():
    return tiny_models.binary_episode()


@pytest.fixture(scope="session")
def seeds():
    return tiny_models.row_seeds()
