"""Kanerva++ and its baselines. Each fulfils `memory_model.MemoryModel`."""

from kpp_tf.models.baselines.dnc import GenerativeDNC
from kpp_tf.models.baselines.dynamic_kanerva_machine import DynamicKanervaMachine
from kpp_tf.models.baselines.kanerva_machine import KanervaMachine
from kpp_tf.models.baselines.vae import VariationalAutoencoder
from kpp_tf.models.baselines.vma import VariationalMemoryAddressing
from kpp_tf.models.elbo import Elbo
from kpp_tf.models.kanerva_plus_plus import KanervaPlusPlus
from kpp_tf.models.memory_model import Memory, MemoryModel
from kpp_tf.models.registry import build_model, load_preset

__all__ = [
    "DynamicKanervaMachine",
    "Elbo",
    "GenerativeDNC",
    "KanervaMachine",
    "KanervaPlusPlus",
    "Memory",
    "MemoryModel",
    "VariationalAutoencoder",
    "VariationalMemoryAddressing",
    "build_model",
    "load_preset",
]
