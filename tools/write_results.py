r"""Writes RESULTS.md from the files under results/.

    python tools/write_results.py
    python tools/write_results.py --runs=runs/table    # takes in finished runs first

The other tools fill results/: publish.py (runs, evaluations), evaluate.py --json
(evaluations), sample_quality.py --json (quality), ablations.py (ablations, quality).
--runs adds every finished run in or below a folder, under its folder's name. What has
not been run is said to be so.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from absl import app, flags

RUNS = flags.DEFINE_multi_string(
    "runs", [], "Folder of runs of tools/train.py to take in. May be repeated."
)
RESULTS = flags.DEFINE_string("results", "results", "Folder of the figures.")
OUT = flags.DEFINE_string("out", "RESULTS.md", "File to write.")


def main(argv: list[str]) -> int:
    """Writes the report; returns the exit code."""
    if len(argv) > 1:
        raise app.UsageError(f"Expected flags only. Received: {argv[1:]}")
    from kpp_tf.evaluation import result_files, results_report, results_table

    folder, out = Path(RESULTS.value), Path(OUT.value)
    try:
        for run in results_table.find_runs(RUNS.value):
            name = Path(run.name).name
            result_files.keep_run(run.name, folder / "runs" / f"{name}.json")
        results = result_files.read(folder)
    except (ValueError, OSError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    text = results_report.to_markdown(results)
    verb = "Replaced" if out.exists() else "Wrote"
    aside = out.with_name(f".{out.name}.{os.getpid()}")
    aside.write_text(text)
    os.replace(aside, out)
    count = sum(len(files) for files in results)
    print(f"{verb} {out} from {count} files under {folder}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    app.run(main)
