"""Images to episodes.

`load_images` reads a split of a data set into an `ImageTable`; `load_scored` also
checks that the model's likelihood suits it. `training_episodes` and
`evaluation_episodes` turn a table into a `tf.data.Dataset` of `Episodes`.
"""

from kpp_tf.data.episodes import Episodes, evaluation_episodes, training_episodes
from kpp_tf.data.grouping import partition
from kpp_tf.data.image_table import WHITE_FROM, ImageTable
from kpp_tf.data.own.splits import SPLITS
from kpp_tf.data.registry import DATA_SETS, load_images, load_scored

__all__ = [
    "DATA_SETS",
    "SPLITS",
    "WHITE_FROM",
    "Episodes",
    "ImageTable",
    "evaluation_episodes",
    "load_images",
    "load_scored",
    "partition",
    "training_episodes",
]
