"""Tiny models of every kind, an episode and seeds for them."""

import keras
import numpy as np
import tensorflow as tf

from kpp_tf import models, noise

BATCH, LENGTH, SHAPE = 3, 5, (8, 8, 1)
ENCODER = {
    "widths": (8,),
    "blocks": (1,),
    "stem_stride": 4,
    "shift": "none",
    "embedding_size": 12,
}
COMMON = {
    "image_shape": SHAPE,
    "likelihood": "bernoulli",
    "episode_length": LENGTH,
    "encoder": ENCODER,
    "decoder": {"widths": (8,), "blocks": (1,), "head_stride": 4, "hidden": 0},
}
GAUSSIAN = {"slots": 6, "code_size": 10, "prior_scale": 1.0, "memory_kl": False}
DKM = {**COMMON, **GAUSSIAN, "write_passes": 2, "noise_scale": 1.0, "weight_scale": 0.3}
KM = {**COMMON, **GAUSSIAN, "key_size": 4, "address_size": 5}
VMA = {
    **COMMON,
    "item_size": 6,
    "latent_size": 3,
    "key_size": 4,
    "address_samples": 0,
}
DNC = {
    **COMMON,
    "num_slots": 6,
    "slot_size": 5,
    "num_read_heads": 2,
    "controller_size": 9,
    "read_steps": 2,
    "input_size": 7,
    "key_size": 4,
    "latent_size": 3,
}
VAE = {**COMMON, "latent_size": 3}


def built(model):
    """The model with weights off the initial zeros: every input has a say."""
    model.build_from_shapes()
    random = np.random.default_rng(0)
    model.set_weights(
        [w + 0.1 * random.standard_normal(w.shape) for w in model.get_weights()]
    )
    return model


def _builder(model_class, defaults):
    def make(**arguments):
        keras.utils.set_random_seed(0)
        return built(model_class(**{**defaults, **arguments}))

    return make


dkm = _builder(models.DynamicKanervaMachine, DKM)
km = _builder(models.KanervaMachine, KM)
vma = _builder(models.VariationalMemoryAddressing, VMA)
dnc = _builder(models.GenerativeDNC, DNC)
vae = _builder(models.VariationalAutoencoder, VAE)

# Codes of 2 x 2 cells.
OF_MAPS = {
    "encoder": {**ENCODER, "embedding_side": 2},
    "decoder": {**COMMON["decoder"], "code_side": 2},
}

MODELS = {
    "dkm": lambda: dkm(memory_kl=True),
    "dkm_tsm": lambda: dkm(encoder={**ENCODER, "shift": "bidirectional"}),
    "km": lambda: km(memory_kl=True),
    "vma": vma,
    "vimco": lambda: vma(address_samples=3),
    "dnc": dnc,
    "vae": vae,
    "dkm_of_maps": lambda: dkm(**OF_MAPS, code_size=12),
    "km_of_maps": lambda: km(**OF_MAPS, code_size=12),
    "vae_of_maps": lambda: vae(**OF_MAPS),
}


def binary_episode(seed=1):
    """Binary images float32 [B, T, H, W, C]."""
    random = np.random.default_rng(seed)
    return tf.constant(random.integers(0, 2, (BATCH, LENGTH, *SHAPE)), tf.float32)


def row_seeds():
    return noise.row_seeds(tf.constant([1, 2]), BATCH)
