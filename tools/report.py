r"""Writes RESULTS.md, and the plot in it, from the files under results/.

    python tools/evaluate.py --workdir=runs/dkm/omniglot28 --data_dir=DIR \
        --json=results/dkm/omniglot28.json
    python tools/report.py

BUILD.md has the loops that train and evaluate every row.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from absl import app, flags

RESULTS = flags.DEFINE_string("results", "results", "Folder of the figures.")
OUT = flags.DEFINE_string("out", "RESULTS.md", "File to write.")


def main(argv: list[str]) -> int:
    """Writes the report; returns the exit code."""
    if len(argv) > 1:
        raise app.UsageError(f"Expected flags only. Received: {argv[1:]}")
    from kpp_tf.errors import UserError
    from kpp_tf.files import replacing
    from kpp_tf.report import rate, results, tables

    out = Path(OUT.value)
    try:
        found = results.read(RESULTS.value)
    except UserError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    models = [result for result in found if result.system != results.ABLATIONS]
    rate.draw(models, out.parent)
    with replacing(out) as temporary:
        temporary.write_text(tables.document(found))
    print(f"Wrote {out} from {len(found)} files under {RESULTS.value}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    app.run(main)
