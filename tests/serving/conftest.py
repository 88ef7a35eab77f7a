"""Exports of tiny models of both writers, made once a process."""

import pytest
import tensorflow as tf

from kpp_tf.serving import saved_model
from tests.serving.tiny_models import WRITERS, Exported, tiny_model
from tests.stand_ins.servable import Servable


@pytest.fixture(scope="session")
def models():
    return {writer: tiny_model(writer) for writer in WRITERS}


@pytest.fixture(scope="session")
def exports(models, tmp_path_factory):
    base = tmp_path_factory.mktemp("exports")
    return {
        writer: Exported(model, *saved_model.export(model, base, writer))
        for writer, model in models.items()
    }


@pytest.fixture(scope="session")
def loaded(exports):
    """Signatures by writer, loaded once: loading costs seconds."""
    return {
        writer: tf.saved_model.load(str(exported.path)).signatures
        for writer, exported in exports.items()
    }


@pytest.fixture(scope="session")
def servable(exports):
    servable = Servable(exports["allocated"].path.parent)
    yield servable
    servable.close()
