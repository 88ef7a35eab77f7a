r"""One system of the results table on one data set: `configs/table.py:SYSTEM,DATA`.

    python tools/train.py --config=configs/table.py:dkm,omniglot28 \
        --workdir=runs/dkm/omniglot28 --data_dir=DIR

Data, networks, likelihood and schedule come from `configs/DATA.py`, so that the systems
of a column differ in their memory alone: about 100 floats per image each. The baselines
that have a memory are trained to store all images of an episode, as published.

BUILD.md has the loop over all systems; RESULTS.md has their hours and figures.
"""

import ml_collections

from kpp_tf.config import baseline, of_neighbour
from kpp_tf.errors import UserError

# The names of the folders under results/.
SYSTEMS = {
    "kpp": "kanerva_plus_plus",
    "dkm": "dynamic_kanerva_machine",
    "dkm_tsm": "dynamic_kanerva_machine",
    "km": "kanerva_machine",
    "vma": "variational_memory_addressing",
    "dnc": "differentiable_neural_computer",
    "vae": "vae",
}
MAPS = ("dkm", "dkm_tsm", "km", "vae")  # systems whose codes may be maps
DATA = (
    "binarized_mnist",
    "omniglot28",
    "fashion_mnist",
    "cifar10",
    "mazes",
    "few_shot",
    "glyphs",
)


def get_config(row: str = "kpp,binarized_mnist") -> ml_collections.ConfigDict:
    """The config of a system on a data set.

    Args:
      row: "SYSTEM,DATA", names of SYSTEMS and DATA.

    Raises:
      UserError: if it is not such a pair.
    """
    system, _, data = row.partition(",")
    if system not in SYSTEMS or data not in DATA:
        raise UserError(
            "configs/table.py takes SYSTEM,DATA: a system of "
            f"{', '.join(SYSTEMS)} and data of {', '.join(DATA)}. Received: {row!r}"
        )
    config = of_neighbour(__file__, data)
    if system == "kpp":
        return config
    model = baseline(SYSTEMS[system])
    for shared in ("likelihood", "encoder", "decoder"):
        model[shared] = config.model[shared]
    model.encoder.shift = "bidirectional" if system == "dkm_tsm" else "none"
    side = config.model.block_size
    if system in MAPS and side > 1:
        # Codes are maps where K++'s latents are.
        with model.encoder.unlocked(), model.decoder.unlocked():
            model.encoder.embedding_side = model.decoder.code_side = side
        if system == "vae":
            model.latent_size = config.model.latent_size
        else:
            # 16 numbers a cell, where K++ keeps 15.75 an image and cell.
            model.code_size = 16 * side**2
        if system in ("dkm", "dkm_tsm"):
            # Exact weights cost less than a colour image gains from them.
            model.noise_scale = 0.01
            model.weight_scale = 0.004
    config.model = model
    if system != "vae":
        # docs/experiments.md lists what else was tried.
        model.encoder.linear = True
        config.train.all_written = 1.0
        config.train.steps = 3_000
        if side > 1:
            # K++'s values suit its latents, and its mazes start from trained weights.
            config.train.kl_warmup_steps = 500
            config.train.learning_rate = 2e-3
    return config
