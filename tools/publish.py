r"""Makes a trained run a pretrained model: its config, its weights in half precision.

    python tools/publish.py --workdir=runs/mnist --name=binarized_mnist
    python tools/evaluate.py --pretrained=binarized_mnist --data_dir=DIR \
        --json=results/kpp/binarized_mnist.json

Stores them in pretrained/NAME, which must not exist. A run that is not finished, or a
model over 10 MB, is refused. The second command measures what was stored.
"""

import sys
from pathlib import Path

from absl import flags

from kpp_tf import cli
from kpp_tf.errors import UserError

WORKDIR = flags.DEFINE_string(
    "workdir", None, "Folder of a finished run.", required=True
)
NAME = flags.DEFINE_string("name", None, "Name of the pretrained model.", required=True)
EMA = flags.DEFINE_bool("ema", True, "Take the weights' average, where there is one.")
WHICH = flags.DEFINE_enum("which", "newest", ["newest", "best"], "Checkpoint to take.")

LIMIT = 10_000_000  # bytes


def main() -> None:
    """Publishes."""
    cli.start_tensorflow()
    from kpp_tf import pretrained
    from kpp_tf.training import checkpoints, workdirs

    if not (Path(WORKDIR.value) / workdirs.SUMMARY).exists():
        raise UserError(f"not a finished run. Received: {WORKDIR.value}")
    model, config = checkpoints.load_model(
        WORKDIR.value, ema=EMA.value, which=WHICH.value
    )
    size = 2 * model.count_params()
    if size > LIMIT:
        raise UserError(
            f"the model must be at most {LIMIT:,} bytes in half precision. "
            f"Received: {size:,}"
        )
    print(f"Wrote {pretrained.save(NAME.value, model, config)}", file=sys.stderr)


if __name__ == "__main__":
    cli.run(main)
