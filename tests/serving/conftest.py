"""Exports of tiny models of both writers, made once a process."""

import pytest
import tensorflow as tf

from kpp_tf.serving import saved_model
from tests.serving.tiny_models import ALLOCATIONS, Exported, tiny_model
from tests.stand_ins.servable import Servable


@pytest.fixture(scope="session")
def models():
    return {allocation: tiny_model(allocation) for allocation in ALLOCATIONS}


@pytest.fixture(scope="session")
def exports(models, tmp_path_factory):
    base = tmp_path_factory.mktemp("exports")
    return {
        allocation: Exported(model, *saved_model.export(model, base, allocation))
        for allocation, model in models.items()
    }


@pytest.fixture(scope="session")
def loaded(exports):
    """Signatures by allocation, loaded once: loading costs seconds."""
    return {
        allocation: tf.saved_model.load(str(exported.path)).signatures
        for allocation, exported in exports.items()
    }


@pytest.fixture(scope="session")
def servable(exports):
    servable = Servable(exports["content"].path.parent)
    yield servable
    servable.close()
