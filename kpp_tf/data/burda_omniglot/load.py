"""Images of the prepared `burda_omniglot` data set as one table."""

import numpy as np

from kpp_tf.data import prepared
from kpp_tf.data.table import ImageTable

# The number that earlier work holds out of the 24,345; TFDS has shuffled them.
HELD_OUT = 1345

_SPLITS = {
    "train": f"train[:-{HELD_OUT}]",
    "validation": f"train[-{HELD_OUT}:]",
    "test": "test",
}
# No alphabet has as many characters.
_CHARACTERS = 64


def load(split: str, data_dir: str | None) -> ImageTable:
    """Loads a split: see `sources.load_images`.

    Returns:
      A table of grey images [N, 28, 28, 1], ink 255, labelled by character, with
      the group "alphabet" (0-49).
    """
    folder = prepared.find(
        "burda_omniglot",
        data_dir,
        how_to_get=(
            "Run: python tools/prepare_data.py --name=burda_omniglot "
            f"--data_dir={prepared.data_root(data_dir)} (without a network add "
            "--manual_dir=FOLDER, where FOLDER holds chardata.mat of "
            "https://github.com/yburda/iwae/tree/master/datasets/OMNIGLOT)."
        ),
    )
    arrays = prepared.read(
        folder,
        "+".join(_SPLITS[part] for part in split.split("+")),
        ("image", "alphabet", "character"),
    )
    alphabet = arrays["alphabet"].astype(np.int64)
    return ImageTable(
        images=arrays["image"],
        labels=alphabet * _CHARACTERS + arrays["character"],
        levels=256,
        name="burda_omniglot",
        split=split,
        groups={"alphabet": alphabet},
    )
