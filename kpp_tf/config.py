"""The default config. Files in `configs/` override a few lines of it.

A field that this file does not name cannot be set: ConfigDict refuses it, and says
which fields there are.
"""

import runpy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_collections

from kpp_tf import files
from kpp_tf.errors import UserError

FILE = "config.json"  # of a run, and of a pretrained model


def read(folder: str | Path) -> ml_collections.ConfigDict:
    """The config of a training run or a pretrained model.

    Raises:
      UserError: if the folder has none, or a damaged one.
    """
    path = Path(folder) / FILE
    if not path.exists():
        raise UserError(
            f"this is no folder of a training run: it has no {FILE}. Received: {folder}"
        )
    return completed(files.read_json(path), path)


def default() -> ml_collections.ConfigDict:
    """Config of Kanerva++ on 28x28 binary images, for two CPU cores."""
    config = ml_collections.ConfigDict()
    config.seed = 0

    config.data = ml_collections.ConfigDict()
    # One of kpp_tf.data.DATA_SETS, tfds:NAME, or your own folder, .npy or .npz.
    config.data.name = "glyphs"
    config.data.image_shape = (28, 28, 1)  # own images are cropped and resized to it
    config.data.invert = False  # True for dark ink on white paper
    config.data.episode_length = 32  # T
    config.data.episodes_per_batch = 8  # B, the global batch
    # In training a step draws T from these, () for T alone, and has T B images still.
    config.data.episode_lengths = ()
    config.data.grouping = "uniform"  # uniform, class, alphabet, consecutive
    config.data.replacement = False  # whether an image may repeat in a class's episode
    config.data.binarize = "none"  # none, fixed, dynamic
    config.data.augment = ()  # in training: nudge, shift, flip, class_flip
    # Own data and tfds:NAME without splits of their own hold images out.
    config.data.split_by = "image"  # image, class, alphabet: what is held out whole
    config.data.split_seed = 0
    config.data.damaged = "skip"  # skip, stop: at own files that cannot be read
    config.data.ground = 255  # level that shows where own images are transparent
    config.data.white = 0.0  # number that is white in own images; 0: by their type
    config.data.axes = ""  # of own arrays, such as NHWC, HWN; "": where sizes say so
    # Names such as train and test among own folders and arrays. auto: splits where two
    # stand beside each other; always: even one; never: they are classes.
    config.data.named_splits = "auto"
    config.data.train_split = "train"
    config.data.test_split = "test"
    config.data.validation_split = ""  # chooses the best checkpoint; "": no choice

    config.model = kanerva_plus_plus()

    config.train = ml_collections.ConfigDict()
    config.train.steps = 2000
    config.train.optimizer = "adam"  # adam, adamw, lamb
    config.train.learning_rate = 2e-3
    config.train.final_learning_rate = 0.0
    config.train.warmup_steps = 100
    config.train.weight_decay = 0.0  # adamw, lamb
    config.train.clip_norm = 1.0  # 0: no clipping
    config.train.kl_warmup_steps = 500
    # Baselines alone: the share of episodes whose frames are all written; of the others
    # a random number is. Kanerva++ learns from both in every step.
    config.train.all_written = 0.5
    config.train.stored_weight = 1.0  # of scores of stored images; others weigh 1
    config.train.samples = 1  # of the importance-weighted bound; 1: the bound
    config.train.accumulate = 1  # parts that a batch is scored in, to save memory
    config.train.ema_decay = 0.999  # 0: no average
    config.train.precision = "float32"  # float32, mixed_bfloat16, mixed_float16
    config.train.jit_compile = False
    config.train.steps_per_loop = 20
    config.train.checkpoint_every = 500  # 0: only at the end
    config.train.keep_checkpoints = 2
    config.train.log_every = 100  # 0: only at the end
    config.train.summary_every = 500  # 0: no pictures in TensorBoard

    config.eval = ml_collections.ConfigDict()
    config.eval.episodes_per_batch = 8
    config.eval.num_samples = 16  # of the importance-weighted bound
    config.eval.seed = 1234
    return config.lock()


def of_neighbour(file: str, name: str) -> ml_collections.ConfigDict:
    """The config of another file in a config file's folder.

    Args:
      file: `__file__` of the one.
      name: of the other, such as "mnist".
    """
    # By its path: programs that load such a file have no package of that name.
    path = Path(file).with_name(f"{name}.py")
    return runpy.run_path(str(path))["get_config"]()


def completed(
    saved: Mapping[str, Any], source: str | Path
) -> ml_collections.ConfigDict:
    """A config that was saved; fields that are newer than it have their defaults.

    Args:
      saved: what `to_dict` gave.
      source: the file that holds it, for the message.

    Raises:
      UserError: if it is no config, or a value is of another type than its default.
    """
    config = default().unlock()
    try:
        config.seed = saved["seed"]
        for name in ("data", "train", "eval"):
            config[name].unlock().update(saved[name])
        config.model = ml_collections.ConfigDict({"name": "", **saved["model"]})
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"the file is no config of a run: {error}. Received: {source}"
        ) from error
    return config


def kanerva_plus_plus() -> ml_collections.ConfigDict:
    """`config.model` of Kanerva++: S=6, D=87 and coverage, 3,168 floats an episode."""
    model = ml_collections.ConfigDict()
    model.name = "kanerva_plus_plus"
    model.likelihood = "bernoulli"
    model.memory_size = 6
    model.memory_depth = 87
    model.block_size = 1
    model.blocks_per_frame = 1
    model.latent_size = 128
    model.latent_groups = 4  # drawn in turn, each given those before
    model.hidden = 512
    model.allocation = "content"  # content, turn
    model.finest = 1 / 6  # blocks
    # Most images want one block of the memory or all of it.
    model.scale_low = 0.46  # share of the prior of scales that reads one block
    model.scale_high = 0.53  # and up to which it does not read all
    model.key_posterior = "box"  # gaussian, box
    model.explored = 0.25  # share that reads windows of random widths in training
    model.near = 0.0  # share of unseen frames that learn to read the likest block
    model.rounding = 0.0  # noise on what is stored in training; 1/127 is that of 8 bits
    model.encoder = encoder()
    model.decoder = decoder()
    return model


# Fields of the baselines' `config.model`, beside likelihood, encoder and decoder.
BASELINES: Mapping[str, Mapping[str, Any]] = {
    # 100 floats an image, as many as DKM's memory has.
    "variational_memory_addressing": {
        "item_size": 100,
        "latent_size": 16,
        "key_size": 32,
        "address_samples": 4,  # 0: sum over all slots, each image decoded T times
    },
    # 32 slots of 64 and 32 x 32 links: 3,072 floats.
    "differentiable_neural_computer": {
        "num_slots": 32,
        "slot_size": 64,
        "num_read_heads": 2,
        "controller_size": 256,
        "read_steps": 2,
        "input_size": 128,
        "key_size": 16,
        "latent_size": 16,
    },
    # 32 slots of 100, as published, and their covariance. encoder.shift "bidirectional"
    # makes it DKM with TSM.
    "dynamic_kanerva_machine": {
        "slots": 32,
        "code_size": 100,
        "write_passes": 2,
        "prior_scale": 1.0,
        "noise_scale": 1.0,  # at the start, as the next
        "weight_scale": 0.3,
        "memory_kl": False,  # True: bounds ln p(X); then prior_scale = 0.1
    },
    # A memory of DKM's size.
    "kanerva_machine": {
        "slots": 32,
        "code_size": 100,
        "key_size": 32,
        "address_size": 64,
        "prior_scale": 1.0,
        "memory_kl": False,  # True: bounds ln p(X)
    },
    "vae": {"latent_size": 128},  # no memory; as many as K++
}


def baseline(name: str) -> ml_collections.ConfigDict:
    """`config.model` of one of BASELINES, whose frames do not see each other."""
    model = ml_collections.ConfigDict({"name": name, "likelihood": "bernoulli"})
    model.update(BASELINES[name])
    model.encoder = encoder()
    model.encoder.shift = "none"
    model.decoder = decoder()
    return model


def encoder() -> ml_collections.ConfigDict:
    """Arguments of `TSMResNet` for 28x28 images; shared by every model."""
    config = ml_collections.ConfigDict()
    config.widths = (64, 128)
    config.blocks = (2, 2)
    config.stem_stride = 4
    config.shift = "causal"  # bidirectional, causal, none
    config.embedding_size = 512
    config.linear = False  # whether the embedding sees the pixels by a linear way, too
    return config


def decoder() -> ml_collections.ConfigDict:
    """Arguments of `make_decoder` for 28x28 images; shared by every model."""
    config = ml_collections.ConfigDict()
    config.kind = "convolutional"  # convolutional, dense
    config.widths = (64,)
    config.blocks = (2,)
    config.head_stride = 4
    config.hidden = 512
    return config


def use_dense_networks(
    model: ml_collections.ConfigDict, hidden: int = 1024, layers: int = 3
) -> None:
    """Gives `config.model` a dense decoder and an encoder of half the convolutions.

    A linear way beside them takes from them what storing needs of an image.

    Two to three times the images a second on a CPU, for short runs on small images that
    resemble those of the training split; docs/experiments.md says where it overfits.

    Args:
      model: changed in place.
      hidden: units of the decoder's layers.
      layers: of the decoder, its head aside.
    """
    model.encoder.widths = (32, 64)
    model.encoder.blocks = (1, 1)
    model.encoder.linear = True
    model.decoder = ml_collections.ConfigDict(
        {"kind": "dense", "hidden": hidden, "layers": layers}
    )


def use_dense_and_convolutions(model: ml_collections.ConfigDict) -> None:
    """`use_dense_networks` with convolutions at 7 x 7 and 14 x 14 beside the decoder.

    For 28x28 images: as good at storing, better at what was not seen, at three fifths
    of the images a second.

    Args:
      model: changed in place.
    """
    use_dense_networks(model, hidden=512, layers=2)
    model.decoder.convolutions = ml_collections.ConfigDict(
        {"widths": (64, 32), "blocks": (2, 1), "head_stride": 2, "hidden": 0}
    )
