"""All quantities of a model side by side: what `tools/evaluate.py` writes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from kpp_tf.data import Episodes, ImageTable
from kpp_tf.errors import UserError
from kpp_tf.evaluation import bounds, quantization, rate_curve
from kpp_tf.evaluation.attractor import attractor
from kpp_tf.evaluation.features import FeatureSpace
from kpp_tf.evaluation.few_shot_protocol import few_shot
from kpp_tf.evaluation.large_memory import LENGTHS, large_memory
from kpp_tf.evaluation.nudge import nudge
from kpp_tf.evaluation.predictive import predictive
from kpp_tf.evaluation.samples import enough, samples
from kpp_tf.evaluation.scale_sweep import scale_sweep
from kpp_tf.evaluation.scorer import Scorer
from kpp_tf.evaluation.window_sweep import window_sweep
from kpp_tf.models import KanervaPlusPlus, MemoryModel

# In the order of what they cost.
QUANTITIES = (
    "stored",
    "unseen",
    "empty",
    "predictive",
    "held_curve",
    "swapped",
    "nudge",
    "scale_sweep",
    "window_sweep",
    "samples",
    "attractor",
    "rate",
    "importance_weighted",
    "few_shot",
    "large_memory",
)
OF_A_CLASSIFIER = frozenset({"nudge", "samples", "window_sweep"})
OF_TABLES = frozenset({"rate", "large_memory"})


class Material(NamedTuple):
    """What a model is measured with.

    Attributes:
      episodes: batches of the split's `Episodes`, which can be read many times.
      few: the same, or fewer, for what takes long: `importance_weighted`, `nudge`,
        `scale_sweep`, `window_sweep`, `samples`, `attractor`.
      length: T.
      train: the table that codes without a network are fitted on; for `rate`.
      split: the table that is scored; for `rate` and `large_memory`.
      space: a classifier and its features. Without one, `nudge`, `window_sweep` and
        `samples` are None.
      num_samples: N of the importance-weighted bounds.
      classes: episodes of one class each, see `few_shot`, which is None without.
      scored: scores `episodes` in the model's place, such as a model whose batches many
        replicas share; None: the model.
    """

    episodes: Iterable[Episodes]
    few: Iterable[Episodes]
    length: int
    train: ImageTable | None = None
    split: ImageTable | None = None
    space: FeatureSpace | None = None
    num_samples: int = 16
    classes: Callable[[bool, int], Iterable[Episodes]] | None = None
    scored: Scorer | None = None


def impossible(material: Material, quantities: Collection[str]) -> dict[str, str]:
    """Quantities that these episodes cannot give, by name, with what they take.

    To be asked before anything is measured.

    Raises:
      UserError: if a quantity is unknown, or there is no image.
    """
    unknown = sorted(set(quantities) - set(QUANTITIES))
    if unknown:
        raise UserError(
            f"--quantities takes {', '.join(QUANTITIES)}. Received: {unknown}"
        )
    episodes = 0
    for batch in material.episodes:
        filled = tf.reduce_any(batch.mask > 0, axis=1)
        episodes = max(episodes, int(tf.reduce_sum(tf.cast(filled, tf.int32))))
        if episodes > 1:
            break
    if not episodes:
        raise UserError("the split holds no image to evaluate. Received: no episodes")
    reasons = {}
    if "swapped" in quantities and episodes < 2:
        reasons["swapped"] = "two episodes in a batch, each under the other's memory"
    if "samples" in quantities and not enough(material.few):
        reasons["samples"] = "two batches of whole episodes, one to judge the other by"
    return reasons


def measure(
    model: MemoryModel,
    material: Material,
    quantities: Collection[str] = QUANTITIES,
    say: Callable[[str], None] = lambda line: None,
    earlier: Mapping[str, Any] | None = None,
) -> Iterator[dict[str, Any]]:
    """Measures a model, one quantity after the other.

    Args:
      model: with trained weights.
      material: see `Material`.
      quantities: which of `QUANTITIES`.
      say: takes the name of each quantity before its turn, and of its longer parts.
      earlier: what this yielded last for the same model and material, to go on from;
        quantities that it holds are not measured again.

    Yields:
      At once and after each quantity, all that is known: the quantities by name, as the
      functions of their names return them. Bounds have `value`, `standard_error` and
      `unit`; `predictive_curve` and `terms` (of `stored`, `unseen`, `empty` and
      `swapped`, nats/image) stand beside them. `importance_weighted` is of stored
      images, and holds the bounds of `unseen` and `predictive` under their names.
      `memory_floats_per_image`, `memory_bits_per_image` and `capacity`, in images, or
      None where the model sets no limit.
    """
    scored = material.scored or model
    few, count = material.few, material.num_samples
    capacity = getattr(model, "capacity", None)
    bits = quantization.memory_bits(model, material.length, "float32")

    def importance_weighted() -> dict[str, Any]:
        others = {
            "unseen": bounds.unseen(scored, few, count),
            "predictive": predictive(model, few, count),
        }
        del others["predictive"]["curve"]
        return {**bounds.stored(scored, few, count), "samples": count, **others}

    def judged(function: Callable[..., Any]) -> Any:
        return function(model, few, material.space) if material.space else None

    def rates() -> list[dict]:
        rows = rate_curve.model_rows(model, material.episodes, material.length)
        train, split = material.train, material.split
        assert train is not None and split is not None, "rate takes both tables"
        return rows + rate_curve.plain_rows(train, split, capacity or material.length)

    def large_memories() -> list[dict[str, float]] | None:
        table = material.split
        assert table is not None, "large_memory takes the split's table"
        if not isinstance(model, KanervaPlusPlus):
            return None
        lengths = [length for length in LENGTHS if length <= len(table)]
        return large_memory(model, functools.partial(_chunks, model, table), lengths)

    functions: dict[str, Callable[[], Any]] = {
        "stored": lambda: bounds.stored(scored, material.episodes),
        "unseen": lambda: bounds.unseen(scored, material.episodes),
        "empty": lambda: bounds.empty(scored, material.episodes),
        "predictive": lambda: predictive(model, material.episodes),
        "held_curve": lambda: bounds.held_curve(scored, material.episodes),
        "swapped": lambda: bounds.swapped(scored, material.episodes),
        "nudge": lambda: judged(nudge),
        "scale_sweep": lambda: scale_sweep(model, few),
        "window_sweep": lambda: judged(window_sweep),
        "samples": lambda: judged(samples),
        "attractor": lambda: attractor(model, few),
        "rate": rates,
        "importance_weighted": importance_weighted,
        "large_memory": large_memories,
        "few_shot": lambda: (
            material.classes and few_shot(model, material.classes, count, say)
        ),
    }
    results: dict[str, Any] = {"terms": {}, **(earlier or {})}
    results["capacity"] = capacity
    results["memory_floats_per_image"] = model.memory_floats / material.length
    results["memory_bits_per_image"] = bits / material.length
    yield dict(results)
    for name in QUANTITIES:
        if name not in quantities or name in results:
            continue
        say(name)
        found = functions[name]()
        if name == "predictive":
            results["predictive_curve"] = found.pop("curve")
        if isinstance(found, dict) and "terms" in found:
            terms = {**results["terms"], name: found.pop("terms")}
            results["terms"] = terms
        results[name] = found
        yield dict(results)


def _chunks(model: MemoryModel, table: ImageTable, count: int) -> Iterator[np.ndarray]:
    """The first images of a table in [0, 1], binary where the model's are."""
    for first in range(0, count, 1_000):
        images = table.images[first : min(first + 1_000, count)] / np.float32(255)
        yield np.rint(images) if model.likelihood.levels == 2 else images
