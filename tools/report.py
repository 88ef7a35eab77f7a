r"""Writes RESULTS.md, and the plot in it, from the files under results/.

    python tools/evaluate.py --workdir=runs/dkm/omniglot28 --data_dir=DIR \
        --json=results/dkm/omniglot28.json
    python tools/report.py

BUILD.md has the loops that train and evaluate every row.
"""

import sys
from pathlib import Path

from absl import flags

from kpp_tf import cli
from kpp_tf.errors import UserError
from kpp_tf.files import replacing

RESULTS = flags.DEFINE_string("results", "results", "Folder of the figures.")
OUT = flags.DEFINE_string("out", "RESULTS.md", "File to write.")


def main() -> None:
    """Writes the report."""
    from kpp_tf.report import rate, results, tables

    out = Path(OUT.value)
    found = results.read(RESULTS.value)
    if not found:
        raise UserError(
            "the folder has no SYSTEM/DATA.json of tools/evaluate.py. "
            f"Received: --results={RESULTS.value}"
        )
    models = [result for result in found if result.system != results.ABLATIONS]
    rate.draw(models, out.parent)
    with replacing(out) as temporary:
        temporary.write_text(tables.document(found))
    print(f"Wrote {out} from {len(found)} files under {RESULTS.value}", file=sys.stderr)


if __name__ == "__main__":
    cli.run(main)
