"""The allowed values of each config field, checked before a run does anything."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import ml_collections

from kpp_tf.config import default
from kpp_tf.errors import UserError

# Keras' policies that keep weights in float32.
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
STRATEGIES = ("one", "mirrored", "multi_worker", "tpu")
OPTIMIZERS = ("adam", "adamw", "lamb")

_ALIASES = {
    "bf16": "mixed_bfloat16",
    "bfloat16": "mixed_bfloat16",
    "fp16": "mixed_float16",
    "float16": "mixed_float16",
    "fp32": "float32",
}

# A test, and its words: "config.x must be ...".
Rule = tuple[Callable[[Any], bool], str]


def _from(low: float) -> Rule:
    return lambda value: low <= value < math.inf, f"{low} or more"


def _one_of(names: tuple[str, ...]) -> Rule:
    return lambda value: value in names, f"one of {names}"


_ABOVE_0: Rule = (lambda value: 0 < value < math.inf, "above 0")
_SEED: Rule = (lambda value: 0 <= value < 2**31, "from 0 to 2**31 - 1")

RULES: Mapping[str, Rule] = {
    "seed": _SEED,
    "data.image_shape": (
        lambda shape: len(shape) == 3 and min(shape) >= 1,
        "(height, width, channels), each 1 or more",
    ),
    "data.episode_length": _from(1),
    "data.episodes_per_batch": _from(1),
    "data.split_seed": _SEED,
    "data.ground": (lambda value: 0 <= value <= 255, "from 0 to 255"),
    "data.white": _from(0),
    "train.steps": _from(1),
    "train.all_written": (lambda value: 0 <= value <= 1, "from 0 to 1"),
    "train.stored_weight": _ABOVE_0,
    "train.optimizer": _one_of(OPTIMIZERS),
    "train.learning_rate": _ABOVE_0,
    "train.final_learning_rate": _from(0),
    "train.warmup_steps": _from(0),
    "train.weight_decay": _from(0),
    "train.clip_norm": _from(0),
    "train.kl_warmup_steps": _from(0),
    "train.samples": _from(1),
    "train.accumulate": _from(1),
    "train.ema_decay": (lambda value: 0 <= value < 1, "from 0 to below 1"),
    "train.precision": _one_of(PRECISIONS),
    "train.steps_per_loop": _from(1),
    "train.checkpoint_every": _from(0),
    "train.keep_checkpoints": _from(1),
    "train.log_every": _from(0),
    "train.summary_every": _from(0),
    "eval.episodes_per_batch": _from(1),
    "eval.num_samples": _from(0),
    "eval.seed": _SEED,
}

# Whole numbers of `config.model` are sizes and counts; these may be 0.
_MAY_BE_ZERO = frozenset({"address_samples", "hidden"})


def check(config: ml_collections.ConfigDict) -> None:
    """Checks the numbers and names of a whole config.

    Names of data sets and models are checked where those are defined.

    Raises:
      UserError: if a field is outside its range; the message names each such field.
    """
    flat = flatten(config.to_dict())
    faults = []
    for name, (holds, what) in RULES.items():
        if not holds(flat[name]):
            faults.append(_fault(name, what, flat[name]))
    for name, value in flat.items():
        if name.startswith("model."):
            rule = _model_rule(name, value)
            if rule and not rule[0](value):
                faults.append(_fault(name, rule[1], value))
    if flat["train.optimizer"] == "adam" and flat["train.weight_decay"]:
        what = "0 with adam, which has none (adamw and lamb have it)"
        faults.append(_fault("train.weight_decay", what, flat["train.weight_decay"]))
    usual = default().train.all_written
    if flat["model.name"] == "kanerva_plus_plus" and flat["train.all_written"] != usual:
        what = f"{usual} with kanerva_plus_plus, which does not use it"
        faults.append(_fault("train.all_written", what, flat["train.all_written"]))
    if faults:
        raise UserError("\n".join(faults))


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The values of nested mappings by dotted names."""
    flat = {}
    for name, value in config.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = value
    return flat


def _fault(name: str, what: str, value: Any) -> str:
    alias = _ALIASES.get(value) if isinstance(value, str) else None
    hint = f"; that is called {alias!r} here" if alias else ""
    return f"config.{name} must be {what}. Received: {value!r}{hint}"


def _model_rule(name: str, value: Any) -> Rule | None:
    numbers = value if isinstance(value, (list, tuple)) else [value]
    if name.rpartition(".")[2] in _MAY_BE_ZERO:
        return _from(0)
    if all(type(number) is int for number in numbers):
        return lambda _: all(number >= 1 for number in numbers), "1 or more"
    if all(type(number) is float for number in numbers):
        return lambda _: all(map(math.isfinite, numbers)), "finite"
    return None
