r"""The first five minutes: a shipped model remembers digits, another learns glyphs.

    python tools/demo.py --out=runs/demo

The preset of binarized MNIST writes 32 digits into a memory, draws pictures from it and
exports the generator; then a small model trains on generated glyphs for about a minute.
The demo prints each command that it runs, and writes a report to report.json. A memory
that an earlier run left in the folder is kept.
"""

import csv
import shlex
import subprocess
import sys
import time
from pathlib import Path

from absl import flags

from kpp_tf import cli, files, pretrained, provenance

OUT = flags.DEFINE_string("out", "runs/demo", "Folder of the demo.")
STEPS = flags.DEFINE_integer("steps", 150, "Training steps of 256 images.", 1)

TOOLS = Path(__file__).resolve().parent
PRESET = "binarized_mnist"


def run(tool: str, *arguments: str) -> None:
    """Runs one of the tools, after printing the command.

    Raises:
      SystemExit: with the tool's exit code, if it fails.
    """
    program = TOOLS / f"{tool}.py"
    shown = provenance.installed_command(str(program)) or f"python tools/{tool}.py"
    print(f"\n$ {shown} {shlex.join(arguments)}", flush=True)
    command = [sys.executable, str(program), *arguments]
    code = subprocess.run(command, check=False).returncode
    if code:
        raise SystemExit(code)


def main() -> None:
    """Runs the demo."""
    started = time.monotonic()
    out = Path(OUT.value)
    digits, training = out / "digits", out / "training"
    if (digits / "exported").exists():
        print(f"Keeping {digits}, which an earlier run made.")
    else:
        images = pretrained.examples(PRESET)
        run("remember", f"--images={images}", f"--preset={PRESET}", f"--out={digits}")
    run(
        "train",
        "--config=demo",
        f"--config.train.steps={STEPS.value}",
        f"--workdir={training}",
        "--noexport",
    )
    summary = files.read_json(training / "summary.json")
    with (training / "metrics.csv").open(newline="") as stream:
        last = list(csv.DictReader(stream))[-1]
    report = {
        "training_steps": summary["steps"],
        "test_stored": summary["bound"],
        "training_unseen": float(last["unseen"]),
        "images_per_second": summary["images_per_second"],
        "parameters": summary["parameters"],
        "pictures": sorted(str(file) for file in digits.rglob("*.png")),
        "export": str(
            max((digits / "exported").iterdir(), key=lambda path: int(path.name))
        ),
        "seconds": round(time.monotonic() - started, 1),
    }
    target = out / "report.json"
    files.write_json(target, report)
    print(f"""
Look at {digits / "map.png"}, the memory of 32 digits, and at
{digits / "pictures"}: recall, samples, zoom, denoising.
{report["export"]} is ready to be served: see docs/serving.md.

The training was short, {report["training_steps"]:,} steps at \
{report["images_per_second"]:,.0f} images/s, and only shows that it learns:
{report["test_stored"]:.1f} nats per stored test glyph, and \
{report["training_unseen"]:.1f} per unseen one in its last steps.
The shipped model had hundreds of times as many steps; README.md has its figures.
{report["seconds"]:.0f} s in all. Wrote {target}.""")


if __name__ == "__main__":
    cli.run(main)
