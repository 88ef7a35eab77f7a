r"""Kanerva++ on few-shot Omniglot: 10 images of one character an episode.

    python tools/train.py --config=configs/few_shot.py \
        --workdir=runs/few_shot --data_dir=DIR

DIR/few_shot holds `train_small.npz` and `test_small.npz` of github.com/sbos/gmn, an
array a character ("images_background/Greek/character01", uint8 [20, 784], 0 is ink);
--config.data.name=PATH names another folder of that kind, or of folders of pictures.

Training characters are mirrored and turned into eight classes each; those of the test
are not. Whole alphabets of the training file are held out as `validation`. Generative
Matching Networks draw an episode's images with replacement, so that the tenth is a copy
of one before it in 37 episodes of 100: --config.data.replacement=True.

The weights that ship, `few_shot_omniglot`, came in four runs on two cores of an AMD
EPYC: 12,000 steps of this command with --config.train.precision=mixed_bfloat16 and a
tenth of the frames exploring, 8,000 more at 3e-3, both with the latents in one group,
7,000 with four, all in a memory of 6 x 6 blocks, and 6,000 in one of 4 x 4
(`--init_from=few_shot_omniglot --config.train.steps=6000
--config.train.kl_warmup_steps=0 --config.train.learning_rate=3e-3`).
"""

import ml_collections

from kpp_tf.config import default, use_dense_networks


def get_config() -> ml_collections.ConfigDict:
    """The config."""
    config = default()
    config.data.name = "few_shot"
    config.data.invert = True
    config.data.split_by = "alphabet"
    config.data.grouping = "class"
    config.data.episode_length = 10
    config.data.episodes_per_batch = 24
    config.data.augment = ("class_flip",)
    use_dense_networks(config.model)
    config.model.memory_size = 4  # 10 images need no more, and cost less to name
    # To know is what counts here, and the linear way is for storing: with it, images
    # not seen stood 4 nats higher after 700 steps.
    config.model.encoder.linear = False
    config.train.steps = 12_000
    config.train.learning_rate = 4e-3
    config.train.checkpoint_every = 500
    config.eval.episodes_per_batch = 24
    return config
