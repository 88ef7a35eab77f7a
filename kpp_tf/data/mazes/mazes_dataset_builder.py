"""Mazes as a TFDS data set; `tools/make_mazes.py` writes it."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from kpp_tf.data.mazes import episode as episode_lib
from kpp_tf.errors import UserError

# 120,000 frames to train on; some three minutes to draw, 0.8 GB on disk at 64x64.
DEFAULT_EPISODES = {"train": 400, "validation": 40, "test": 80}
DEFAULT_SEED = 0


@dataclasses.dataclass
class MazesConfig(tfds.core.BuilderConfig):
    """A size of frame.

    Attributes:
      size: Pixels a side.
    """

    size: int = 64


class Builder(tfds.core.GeneratorBasedBuilder):
    """Draws walks through mazes; nothing is downloaded.

    Args:
      episodes: Number of episodes in the splits "train", "validation" and "test", each
        at least 1.
      seed: Of the data set. Episode i of a split is the same whatever the counts.
      **kwargs: As for `tfds.core.DatasetBuilder`; `config` is "64x64" or "32x32".
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    BUILDER_CONFIGS = [
        MazesConfig(name=f"{size}x{size}", description=f"{size}x{size}.", size=size)
        for size in (64, 32)
    ]

    def __init__(
        self,
        *,
        episodes: Mapping[str, int] | None = None,
        seed: int = DEFAULT_SEED,
        **kwargs: Any,
    ) -> None:
        episodes = dict(DEFAULT_EPISODES if episodes is None else episodes)
        if set(episodes) != set(episode_lib.SPLITS) or min(episodes.values()) < 1:
            raise UserError(
                "`episodes` must give each of the splits "
                f"{', '.join(episode_lib.SPLITS)} one episode or more. "
                f"Received: {episodes}"
            )
        self.episodes = episodes
        self.seed = seed
        super().__init__(**kwargs)

    def _info(self) -> tfds.core.DatasetInfo:
        size, frames = self.builder_config.size, episode_lib.FRAMES
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "frames": tfds.features.Video(shape=(frames, size, size, 3)),
                    "poses": tfds.features.Tensor(shape=(frames, 3), dtype=np.float32),
                }
            ),
            metadata=tfds.core.MetadataDict(seed=self.seed),
            disable_shuffling=True,
        )

    def _split_generators(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, Iterator[tuple[int, dict[str, Any]]]]:
        del dl_manager  # Nothing to download.
        return {split: self._generate_examples(split) for split in episode_lib.SPLITS}

    def _generate_examples(self, split: str) -> Iterator[tuple[int, dict[str, Any]]]:
        for index in range(self.episodes[split]):
            seed = episode_lib.maze_seed(self.seed, split, index)
            example = episode_lib.make_episode(seed, self.builder_config.size)
            yield index, example._asdict()
