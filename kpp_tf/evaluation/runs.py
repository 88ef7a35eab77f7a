"""Trained models and evaluation data by the flags that tools share."""

from pathlib import Path

import ml_collections
import tensorflow as tf

from kpp_tf import pretrained
from kpp_tf.data import evaluation_episodes, load_scored
from kpp_tf.models import KanervaPlusPlus, MemoryModel
from kpp_tf.training import checkpoints


def load_model(
    workdir: str | None,
    name: str | None,
    ema: bool = True,
    which: str = "newest",
    memory_size: int = 0,
) -> tuple[MemoryModel, ml_collections.ConfigDict]:
    """A model from a training run's folder or from the pretrained ones.

    Args:
      workdir: of a run of `tools/train.py`, or None.
      name: of a pretrained model, or None.
      ema: whether to take the weights' moving average where there is one.
      which: checkpoint of the run, "newest" or "best".
      memory_size: S of the memory, where it shall be another than the one that was
        trained; see `KanervaPlusPlus.resized`. 0 keeps that.

    Raises:
      ValueError: unless exactly one of `workdir` and `name` is given; if another
        memory size is wanted of a model that can have no other.
    """
    if (workdir is None) == (name is None):
        raise ValueError(
            "Give either --workdir (a training run) or --pretrained (a name). "
            f"Received: workdir={workdir}, pretrained={name}"
        )
    if name is not None:
        model, config = pretrained.load(name)
    else:
        model, config = checkpoints.load_model(Path(workdir), ema=ema, which=which)
    if memory_size and not isinstance(model, KanervaPlusPlus):
        raise ValueError(
            "Only a kanerva_plus_plus can be given a memory of another size. Received: "
            f"memory_size={memory_size} for a {config.model.name}"
        )
    return (model.resized(memory_size) if memory_size else model), config


def test_episodes(
    config: ml_collections.ConfigDict,
    split: str | None,
    data_dir: str | None,
) -> tf.data.Dataset:
    """The fixed partition of a split into episodes, by `config.eval.seed`."""
    table = load_scored(config, split or config.data.test_split, data_dir)
    return evaluation_episodes(
        table,
        config.data,
        episodes_per_batch=config.eval.episodes_per_batch,
        seed=config.eval.seed,
    )
