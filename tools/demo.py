r"""The first five minutes: a shipped model remembers digits, another learns to.

    python tools/demo.py --out=runs/demo

The preset of binarized MNIST writes 32 digits into a memory, draws what can be done
with it and exports the generator; then a small model is trained on glyphs that the
program draws, for about a minute. Each step is the command that one would type, and is
printed as such. What they made is told on screen and in report.json. What an earlier
run made in the same folder is kept.
"""

import csv
import json
import shlex
import subprocess
import sys
import time
from pathlib import Path

from absl import flags

from kpp_tf import cli

OUT = flags.DEFINE_string("out", "runs/demo", "Folder of the demo.")
STEPS = flags.DEFINE_integer("steps", 150, "Training steps of 256 images.", 1)

TOOLS = Path(__file__).resolve().parent
PRESET = "binarized_mnist"
DIGITS = TOOLS.parent / "explorer" / "examples" / f"{PRESET}.npz"
CONFIG = TOOLS.parent / "configs" / "demo.py"


def run(tool: str, *arguments: str) -> None:
    """Runs one of the tools, showing the command.

    Raises:
      SystemExit: with the tool's exit code, if it fails.
    """
    command = [sys.executable, str(TOOLS / f"{tool}.py"), *arguments]
    print(f"\n$ {shlex.join(['python', f'tools/{tool}.py', *arguments])}", flush=True)
    code = subprocess.run(command, check=False).returncode
    if code:
        raise SystemExit(code)


def main() -> None:
    """Runs the demo."""
    started = time.monotonic()
    out = Path(OUT.value)
    digits, training = out / "digits", out / "training"
    if (digits / "exported").exists():
        print(f"{digits} is there already, and is kept.")
    else:
        run("remember", f"--images={DIGITS}", f"--preset={PRESET}", f"--out={digits}")
    run(
        "train",
        f"--config={CONFIG}",
        f"--config.train.steps={STEPS.value}",
        f"--workdir={training}",
        "--noexport",
    )
    summary = json.loads((training / "summary.json").read_text())
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
    target.write_text(json.dumps(report, indent=1) + "\n")
    print(f"""
Look at {digits / "map.png"}, what a memory of 32 digits holds, and at
{digits / "pictures"}: recall, samples, zoom, denoising.
{report["export"]} can be served: docs/serving.md.

The training was short, {report["training_steps"]:,} steps at \
{report["images_per_second"]:,.0f} images/s, and shows no more than that it learns:
{report["test_stored"]:.1f} nats an image that is stored, of test glyphs, and \
{report["training_unseen"]:.1f} for one that is not, in its last steps.
The shipped model had hundreds of times as many: README.md says what it reached.
{report["seconds"]:.0f} s in all. Wrote {target}.""")


if __name__ == "__main__":
    cli.run(main)
