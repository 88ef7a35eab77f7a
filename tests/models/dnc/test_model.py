"""DNC: what its memory depends on."""

import numpy as np

from tests.models.tiny_models import dnc


def test_memory_depends_on_the_order_of_writing(episode):
    model = dnc()
    forward, backward = model.write(episode), model.write(episode[:, ::-1])
    assert not np.allclose(forward.link, backward.link, atol=1e-4)
