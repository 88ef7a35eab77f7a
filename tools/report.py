r"""Writes the tables of README.md, RESULTS.md and its appendix, and the plot.

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
OUT = flags.DEFINE_string("out", ".", "Folder of README.md, RESULTS.md and docs/.")


def main() -> None:
    """Writes the report."""
    from kpp_tf.report import documents, measured, memory_plot, results

    out = Path(OUT.value)
    found = results.read(RESULTS.value)
    if not found:
        raise UserError(
            "the folder has no SYSTEM/DATA.json of tools/evaluate.py. "
            f"Received: --results={RESULTS.value}"
        )
    tables = measured.tables(found)
    memory_plot.draw([r for r in found if r.system != results.ABLATIONS], out)
    for name in documents.FILES:
        text = documents.filled((out / name).read_text(), tables)
        with replacing(out / name) as temporary:
            temporary.write_text(text)
    names = ", ".join(documents.FILES)
    print(f"Wrote the tables of {names} from {len(found)} files", file=sys.stderr)


if __name__ == "__main__":
    cli.run(main)
