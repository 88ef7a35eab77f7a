"""TFLite: write, generate_from_keys and decode, of TFLite's own operations alone.

One file holds the three signatures for one episode (batch 1) of fixed length; noise is
an input, for TFLite has no stateless random numbers. LiteRT cannot run a model that
falls back on TensorFlow's kernels, so a model that would need them is refused.
"""

import os
import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from kpp_tf import noise
from kpp_tf.models import KanervaPlusPlus, gaussians, key_posteriors

# Largest difference to the SavedModel that an export may have; int8 is judged by its
# change of the bound, which is printed.
TOLERANCES = {"float32": 1e-4, "float16": 1e-2, "int8": float("inf")}


class UnsupportedOpError(ValueError):
    """The model needs an operation that TFLite does not have."""


def convert(model: KanervaPlusPlus, precision: str) -> tuple[bytes, dict[str, float]]:
    """Converts a model and compares the result with a SavedModel of the same functions.

    Args:
      model: with its weights; its `episode_length` becomes T and N.
      precision: "float32"; "float16" (weights stored in 16 bits); "int8" (weights in 8
        bits, activations quantised as they come: dynamic range).

    Returns:
      (the file's bytes, the largest difference by `signature/output`, relative to the
      output's largest number where that exceeds 1).

    Raises:
      UnsupportedOpError: naming the operation that is no builtin of TFLite.
      RuntimeError: if a difference exceeds `TOLERANCES`.
    """
    if precision not in TOLERANCES:
        raise ValueError(
            f"precision must be one of {sorted(TOLERANCES)}. Received: {precision!r}"
        )
    with tempfile.TemporaryDirectory() as folder:
        _save(model, folder)
        content = _convert(folder, precision)
        differences = compare(LiteModel(content), folder)
    worst = max(differences, key=differences.get)
    if not differences[worst] <= TOLERANCES[precision]:
        raise RuntimeError(
            f"{worst} of the {precision} model differs from the SavedModel by "
            f"{differences[worst]:.2g}, more than {TOLERANCES[precision]:g}. Received: "
            f"{differences}"
        )
    return content, differences


def write_file(content: bytes, path: str | os.PathLike) -> Path:
    """Writes a converted model; FileExistsError rather than overwrite one."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as aside:
        aside.write(content)
    try:
        os.link(aside.name, path)  # unlike a rename, refused where the file exists
    except FileExistsError:
        raise FileExistsError(
            f"{path} exists, and nothing is overwritten: move it or choose another "
            "--out"
        ) from None
    finally:
        os.unlink(aside.name)
    path.chmod(0o644)
    return path


class LiteModel:
    """A .tflite model, run by LiteRT; needs the `lite` extra.

    Args:
      content: the file's bytes.
      num_threads: of the interpreter.
    """

    def __init__(self, content: bytes, num_threads: int = 2):
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "running a .tflite needs ai-edge-litert: install the extra `lite`"
            ) from error
        self._interpreter = Interpreter(model_content=content, num_threads=num_threads)
        names = self._interpreter.get_signature_list()
        self._runners = {n: self._interpreter.get_signature_runner(n) for n in names}

    @property
    def signatures(self) -> list[str]:
        """Names of the signatures."""
        return sorted(self._runners)

    def example_inputs(self, signature: str) -> dict[str, np.ndarray]:
        """Inputs of random numbers: episodes binary, all else N(0, 1)."""
        rng = np.random.default_rng(0)
        inputs = {}
        details = self._runners[signature].get_input_details()
        for name, detail in sorted(details.items()):
            inputs[name] = rng.standard_normal(detail["shape"], dtype=np.float32)
        if "episode" in inputs:
            inputs["episode"] = (inputs["episode"] > 0.8).astype(np.float32)
        return inputs

    def run(
        self, signature: str, inputs: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Runs a signature on inputs of batch 1."""
        return self._runners[signature](**inputs)

    def run_rows(self, signature: str, output: str, **inputs: np.ndarray) -> np.ndarray:
        """Runs a signature on each row of a batch; returns one output, stacked."""
        rows = []
        for row in range(len(next(iter(inputs.values())))):
            one = {k: np.asarray(v)[row : row + 1] for k, v in inputs.items()}
            rows.append(self.run(signature, one)[output])
        return np.concatenate(rows)


def compare(lite: LiteModel, path: str | os.PathLike) -> dict[str, float]:
    """Largest difference by `signature/output` to a SavedModel of `_functions`."""
    loaded = tf.saved_model.load(os.fspath(path))
    differences = {}
    for name in lite.signatures:
        inputs = lite.example_inputs(name)
        results = lite.run(name, inputs)
        wanted = loaded.signatures[name](
            **{field: tf.constant(value) for field, value in inputs.items()}
        )
        for output, value in wanted.items():
            value = value.numpy()
            scale = max(1.0, float(np.max(np.abs(value))))
            difference = float(np.max(np.abs(results[output] - value)))
            differences[f"{name}/{output}"] = difference / scale
    return differences


def bound(
    model: KanervaPlusPlus,
    episode: tf.Tensor,
    seeds: tf.Tensor,
    lite: LiteModel | None = None,
) -> float:
    """The bound in nats an image, with writing and decoding done by a .tflite model.

    Keys and latents are the live model's, drawn with the same seeds: what changes
    between two calls is what conversion changed.

    Args:
      model: the live model.
      episode: [B, T, H, W, C] in [0, 1], T the length that `lite` was converted with.
      seeds: int32 [B, 2].
      lite: None takes the live model for everything.

    Returns:
      Mean over all images, nats.
    """
    if lite is None:
        return float(tf.reduce_mean(model.elbo(episode, seeds).bound))
    memory = tf.constant(lite.run_rows("write", "memory", episode=episode))
    keys = key_posteriors.draw(model.key_posterior(episode), seeds, noise.Stream.KEYS)
    posterior = gaussians.diagonal(*model.latent_posterior(model.encoder(episode)))
    parameters = lite.run_rows(
        "decode",
        "parameters",
        latents=gaussians.draw(posterior, seeds, noise.Stream.LATENTS).numpy(),
        blocks=model.read(memory, keys).blocks.numpy(),
    )
    log_likelihood = model.likelihood.log_prob(tf.constant(parameters), episode)
    terms = model.elbo(episode, seeds, memory=memory)
    return float(tf.reduce_mean(terms.kl_latents + terms.kl_keys - log_likelihood))


def _functions(
    model: KanervaPlusPlus,
) -> dict[str, tuple[Callable, list[tf.TensorSpec]]]:
    """What is converted: functions and the specs of their inputs."""
    length, side = model.episode_length, model.memory_size
    count, size, depth = model.blocks_per_frame, model.block_size, model.memory_depth

    def write(episode):
        return {"memory": tf.cast(model.write(episode), tf.float32)}

    def generate_from_keys(memory, keys, noise):
        reading = model.read(memory, keys)
        mean, stddev = model.latent_prior(reading.code)
        parameters = model.decode_reading(mean + stddev * noise, reading.blocks)
        channels = model.image_shape[-1]
        return {"images": model.likelihood.mean(parameters, channels)}

    def decode(latents, blocks):
        return {"parameters": model.decode_reading(latents, blocks)}

    def spec(name, *shape):
        return tf.TensorSpec([1, *shape], tf.float32, name)

    return {
        "write": (write, [spec("episode", length, *model.image_shape)]),
        "generate_from_keys": (
            generate_from_keys,
            [
                spec("memory", side, side, depth),
                spec("keys", length, count, 3),
                spec("noise", length, model.latent_size),
            ],
        ),
        "decode": (
            decode,
            [
                spec("latents", length, model.latent_size),
                spec("blocks", length, count, size, size, depth),
            ],
        ),
    }


def _save(model, folder):
    archive = keras.export.ExportArchive()
    for name, (function, specs) in _functions(model).items():
        archive.add_endpoint(name, function, specs)
    archive.write_out(folder, verbose=False)


def _convert(folder, precision):
    names = ["write", "generate_from_keys", "decode"]
    converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=names)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if precision != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "float16":
        converter.target_spec.supported_types = [tf.float16]
    try:
        return converter.convert()
    except Exception as error:
        foreign = re.findall(r"'(?:tf\.)?(\w+)' op is neither", str(error))
        if not foreign:
            raise
        raise UnsupportedOpError(
            "TFLite has no builtin for what this model uses. Received: "
            f"{', '.join(sorted(set(foreign)))}"
        ) from error
