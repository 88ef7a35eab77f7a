"""Generative memories. Each fulfils the contract of `memory_model.MemoryModel`."""

from kpp_tf.models.dnc.model import GenerativeDNC
from kpp_tf.models.elbo import Elbo
from kpp_tf.models.kanerva_machines.dynamic_kanerva_machine import DynamicKanervaMachine
from kpp_tf.models.kanerva_machines.kanerva_machine import KanervaMachine
from kpp_tf.models.kanerva_plus_plus import KanervaPlusPlus
from kpp_tf.models.memory_model import Memory, MemoryModel
from kpp_tf.models.registry import build_model, load_preset
from kpp_tf.models.vae import VariationalAutoencoder
from kpp_tf.models.vma.model import VariationalMemoryAddressing

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
