r"""Asks a TF Serving server for images and saves them as a PNG grid.

    python tools/serving_client.py --address=localhost:8501 --out=samples.png
    python tools/serving_client.py --api=grpc --address=localhost:8500 \
        --model=kanerva_plus_plus --data_dir=/data/tfds --config=configs/mnist.py \
        --out=samples.png
    python tools/serving_client.py --memory=mine/memory.npz --out=samples.png

Sends test episodes of --config's data set to `serving_default`, which writes each into
a memory and draws images from it at --seed: each row of the grid is an episode. With
--memory it sends a stored memory, as tools/remember.py writes it, to `generate`. If the
server is unreachable or not ready, the client tries again a few times.
"""

from typing import TYPE_CHECKING

import numpy as np
from absl import flags

from kpp_tf import cli, plots
from kpp_tf.errors import require

if TYPE_CHECKING:
    from kpp_tf.serving.client_base import Client

ADDRESS = flags.DEFINE_string("address", "localhost:8501", "host:port of the API.")
API = flags.DEFINE_enum(
    "api", "rest", ["rest", "rest_rows", "grpc"], "JSON by columns or by rows, or gRPC."
)
MODEL = flags.DEFINE_string("model", "kanerva_plus_plus", "The model's name.")
VERSION = flags.DEFINE_integer("version", None, "The newest if not given.")
EPISODES = flags.DEFINE_integer("episodes", 4, "Episodes to send.", 1)
SEED = flags.DEFINE_integer("seed", 0, "Same seed, same images.")
TEMPERATURE = flags.DEFINE_float(
    "temperature", 1.0, "Factor of every standard deviation.", 0.0
)
TIMEOUT = flags.DEFINE_float("timeout", 30.0, "Seconds to wait for an answer.", 0.0)
DATA = cli.DataFlags()
MEMORY = flags.DEFINE_string("memory", None, "File of a stored memory to draw from.")
OUT = flags.DEFINE_string("out", None, "PNG file to write.", required=True)
CONFIG = cli.define_config("glyphs")


def main() -> None:
    """Asks and saves."""
    client = _client()
    if MEMORY.value is None:
        signature, sent = "serving_default", {"episode": _episodes()}
    else:
        signature, sent = "generate", _memory(MEMORY.value)
    (rows,) = {len(array) for array in sent.values()}
    inputs = {
        **sent,
        "seed": np.stack([[SEED.value, row] for row in range(rows)]).astype(np.int32),
        "temperature": np.full(rows, TEMPERATURE.value, np.float32),
    }
    answer = client.predict(inputs, signature)
    plots.save_png(OUT.value, plots.image_grid(answer["images"], zoom=2))
    drawn = answer["images"].shape[1]
    print(f"Wrote {OUT.value}: {drawn} images drawn from each of {rows} memories.")


def _episodes() -> np.ndarray:
    episodes = DATA.episodes(CONFIG.value).unbatch().take(EPISODES.value)
    return np.stack([episode.images.numpy() for episode in episodes])


def _memory(path: str) -> dict[str, np.ndarray]:
    cli.start_tensorflow()
    from kpp_tf.models.kanerva_plus_plus import Memory

    memory = Memory.load(path)
    return {
        "memory_cells": memory.cells.numpy(),
        "memory_coverage": memory.coverage.numpy(),
    }


def _client() -> "Client":
    arguments = ADDRESS.value, MODEL.value, VERSION.value, TIMEOUT.value
    if API.value != "grpc":
        from kpp_tf.serving.rest_client import RestClient

        return RestClient(*arguments, columnar=API.value == "rest")
    require("tensorflow_serving", "serving", "for --api=grpc")
    cli.start_tensorflow()
    from kpp_tf.serving.grpc_client import GrpcClient

    return GrpcClient(*arguments)


if __name__ == "__main__":
    cli.run(main)
