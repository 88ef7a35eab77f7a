"""All that counts of a model, side by side: what `tools/evaluate.py` writes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

import tensorflow as tf

from kpp_tf.data import Episodes, ImageTable
from kpp_tf.evaluation import bounds, quantization, rate_curve
from kpp_tf.evaluation.attractor import attractor
from kpp_tf.evaluation.features import FeatureSpace
from kpp_tf.evaluation.few_shot_protocol import few_shot
from kpp_tf.evaluation.nudge import nudge
from kpp_tf.evaluation.predictive import predictive
from kpp_tf.evaluation.samples import samples
from kpp_tf.evaluation.scale_sweep import scale_sweep
from kpp_tf.evaluation.scorer import Scorer
from kpp_tf.models import MemoryModel

# In the order of what they cost.
QUANTITIES = (
    "stored",
    "unseen",
    "predictive",
    "swapped",
    "nudge",
    "scale_sweep",
    "samples",
    "attractor",
    "rate",
    "importance_weighted",
    "few_shot",
)
OF_A_CLASSIFIER = frozenset({"nudge", "samples"})


class Material(NamedTuple):
    """What a model is measured with.

    Attributes:
      episodes: batches of the split's `Episodes`, to go through many times.
      few: the same, or fewer, for what takes long: `importance_weighted`, `nudge`,
        `scale_sweep`, `samples`, `attractor`.
      length: T.
      train: the table that codes without a network are fitted on; for `rate`.
      split: the table that is scored; for `rate`.
      space: a classifier and its features, for `nudge` and `samples`, which are None
        without.
      num_samples: N of the importance-weighted bounds.
      classes: episodes of one class each, for `few_shot`, which is None without; see
        there.
      scored: what scores `episodes` in the model's place, such as a model whose
        batches many replicas share; None: the model.
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


def measure(
    model: MemoryModel,
    material: Material,
    quantities: Collection[str] = QUANTITIES,
    say: Callable[[str], None] = lambda line: None,
) -> dict:
    """Measures a model.

    Args:
      model: with trained weights.
      material: see there.
      quantities: which of `QUANTITIES`.
      say: takes the name of each quantity before its turn, and of its longer parts.

    Returns:
      The quantities by name, as the functions of their names return them: bounds have
      `value`, `standard_error` and `unit`. `predictive_curve` and `terms` (of `stored`,
      `unseen` and `swapped`, nats/image) stand beside them; `importance_weighted` is of
      stored images, and has that of `unseen` and `predictive` under their names.
      `memory_floats_per_image`, `memory_bits_per_image` and `capacity`, in images, or
      None where the model sets no limit.
    """
    scored = material.scored or model
    few, count = material.few, material.num_samples
    blank = model.write(tf.zeros([1, material.length, *model.image_shape]))
    bits = quantization.stored_bits(blank, "float32")
    results: dict = {
        "capacity": getattr(model, "capacity", None),
        "memory_floats_per_image": model.memory_floats / material.length,
        "memory_bits_per_image": bits / material.length,
    }

    def importance_weighted():
        others = {
            "unseen": bounds.unseen(scored, few, count),
            "predictive": predictive(model, few, count),
        }
        del others["predictive"]["curve"]
        return {**bounds.stored(scored, few, count), "samples": count, **others}

    def judged(function):
        return material.space and function(model, few, material.space)

    def rates():
        slots = results["capacity"] or material.length
        rows = rate_curve.model_rows(model, material.episodes, material.length)
        train, split = material.train, material.split
        assert train is not None and split is not None, "rate takes both tables"
        return rows + rate_curve.plain_rows(train, split, slots)

    functions: dict[str, Callable] = {
        "stored": lambda: bounds.stored(scored, material.episodes),
        "unseen": lambda: bounds.unseen(scored, material.episodes),
        "predictive": lambda: predictive(model, material.episodes),
        "swapped": lambda: bounds.swapped(scored, material.episodes),
        "nudge": lambda: judged(nudge),
        "scale_sweep": lambda: scale_sweep(model, few),
        "samples": lambda: judged(samples),
        "attractor": lambda: attractor(model, few),
        "rate": rates,
        "importance_weighted": importance_weighted,
        "few_shot": lambda: (
            material.classes and few_shot(model, material.classes, count, say)
        ),
    }
    for name in QUANTITIES:
        if name in quantities:
            say(name)
            results[name] = functions[name]()
    if "predictive" in results:
        results["predictive_curve"] = results["predictive"].pop("curve")
    results["terms"] = {
        name: results[name].pop("terms")
        for name in ("stored", "unseen", "swapped")
        if name in results
    }
    return results
