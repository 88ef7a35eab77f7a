"""One model of each kind, made once: building one takes a second."""

import pytest

from kpp_tf import noise
from tests.models.kanerva_plus_plus import tiny

_MODELS = {}


def _model(variant):
    if variant not in _MODELS:
        _MODELS[variant] = tiny.make_model(**tiny.VARIANTS[variant])
    return _MODELS[variant]


@pytest.fixture(params=tiny.VARIANTS)
def model(request):
    """Each kind in turn; a test gives weights that it moves back."""
    return _model(request.param)


@pytest.fixture
def box():
    return _model("box")


@pytest.fixture
def gaussian():
    return _model("gaussian")


@pytest.fixture(scope="session")
def episode():
    return tiny.random_episode()


@pytest.fixture(scope="session")
def seeds():
    return noise.row_seeds([1, 2], tiny.BATCH)
