"""The writer as one layer, against numpy and in models of Keras' own kind."""

import warnings

import keras
import numpy as np
import pytest

from kpp_tf.layers import MemoryWriter, TemporalShift, WindowReader
from tests.layer_checks import check_layer, perturb

BATCH, LENGTH, FEATURES, DEPTH, GRID = 2, 4, 5, 3, 3


def _reader(block_size=1):
    return WindowReader(GRID, block_size, finest=0.2, low=0.4, high=0.6)


def _embeddings(*side):
    random = np.random.default_rng(0)
    shape = (BATCH, LENGTH, *side, FEATURES)
    return random.standard_normal(shape).astype(np.float32)


def _writer(**arguments):
    writer = MemoryWriter(_reader(), DEPTH, **arguments)
    writer.build((None, None, FEATURES))
    perturb(writer)
    return writer


@pytest.mark.parametrize("allocation", ["turn", "content"])
def test_frames_lie_in_blocks_of_their_own(allocation):
    writer, embeddings = _writer(allocation=allocation), _embeddings()
    written = np.array([[1, 0, 1, 1], [0, 0, 1, 0]])
    cells, coverage = writer(embeddings, np.float32(written))
    kernel, bias = (np.asarray(weight) for weight in writer.writer.content.weights)
    for b in range(BATCH):
        contents = embeddings[b, written[b] == 1] @ kernel + bias
        found = cells[b][coverage[b] == 1]
        np.testing.assert_allclose(
            np.sort(found, axis=0), np.sort(contents, axis=0), atol=1e-5
        )
        assert np.all(cells[b][coverage[b] == 0] == 0)


@pytest.mark.parametrize("block_size", [1, 2])
def test_fulfils_the_layer_contract(block_size, tmp_path):
    side, sides = GRID * block_size, (block_size,) * 2 if block_size > 1 else ()
    check_layer(
        lambda: MemoryWriter(_reader(block_size), DEPTH, 2, "turn"),
        (_embeddings(*sides),),
        ((BATCH, side, side, DEPTH), (BATCH, side, side)),
        tmp_path,
    )


def test_by_content_alike_frames_come_to_lie_together(tmp_path):
    """In a functional model, by fit, and still so in what was loaded."""
    random = np.random.default_rng(1)
    kinds = random.integers(0, 4, (512, 8))
    frames = np.eye(4)[kinds] @ random.standard_normal((4, FEATURES))
    frames = np.float32(frames + 0.3 * random.standard_normal(frames.shape))
    keras.utils.set_random_seed(0)
    inputs = keras.Input((None, FEATURES))
    shifted = TemporalShift("causal", 0.2)(inputs)  # moves one of five channels
    model = keras.Model(inputs, MemoryWriter(_reader(), DEPTH)(shifted))

    def spread(model):
        """Mean distance on the map of pairs alike, as a share of that of others."""
        places = np.asarray(model.layers[-1].writer.place(model.layers[1](frames)))
        places = places[:, :, 0]
        distances = np.linalg.norm(places[:, :, None] - places[:, None], axis=-1)
        alike = kinds[:, :, None] == kinds[:, None]
        return distances[alike].mean() / distances[~alike].mean()

    before = spread(model)
    model.compile(keras.optimizers.Adam(1e-2))
    with warnings.catch_warnings():
        # Nothing reads this memory: no loss has a say in what is written.
        warnings.filterwarnings("ignore", "Gradients do not exist")
        model.fit(frames, batch_size=32, epochs=8, verbose=0)
    model.save(tmp_path / "m.keras")
    after = spread(keras.models.load_model(tmp_path / "m.keras"))
    assert after == pytest.approx(spread(model), rel=1e-5)
    assert after < 0.7 * before
