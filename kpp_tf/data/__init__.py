"""Images to episodes.

`load_images` reads a split of a data set into an `ImageTable`, `load_scored` one that
suits the model's likelihood; `training_episodes` and `evaluation_episodes` turn it into
a `tf.data.Dataset` of `Episodes`.
"""

from kpp_tf.data.episodes import Episodes, evaluation_episodes, training_episodes
from kpp_tf.data.grouping import partition
from kpp_tf.data.own.splits import SPLITS
from kpp_tf.data.sources import DATA_SETS, load_images, load_scored
from kpp_tf.data.table import ImageTable

__all__ = [
    "DATA_SETS",
    "SPLITS",
    "Episodes",
    "ImageTable",
    "evaluation_episodes",
    "load_images",
    "load_scored",
    "partition",
    "training_episodes",
]
