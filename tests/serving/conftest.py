"""The export of a tiny model, made once a process."""

import pytest
import tensorflow as tf

from kpp_tf.serving import saved_model
from tests.serving.tiny_models import Exported, tiny_model
from tests.stand_ins.servable import Servable
from tests.stand_ins.server import LocalServer


@pytest.fixture(scope="session")
def model():
    return tiny_model()


@pytest.fixture(scope="session")
def exported(model, tmp_path_factory):
    base = tmp_path_factory.mktemp("exports")
    return Exported(model, *saved_model.export(model, base / "tiny", "tiny"))


@pytest.fixture(scope="session")
def offered(exported):
    """The signatures, loaded once: loading costs seconds."""
    return tf.saved_model.load(str(exported.path)).signatures


@pytest.fixture(scope="session")
def servable(exported):
    servable = Servable(exported.path.parent)
    yield servable
    servable.close()


@pytest.fixture(scope="session")
def server(exported):
    with LocalServer(exported.path.parent) as server:
        yield server
