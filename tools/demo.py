r"""Everything once, on data that the program draws itself: a few minutes on two cores.

    python tools/demo.py --out=runs/demo

Trains Kanerva++ on the glyphs, evaluates it, writes the pictures, exports the
generator, reloads the export and reports: on screen and in report.json. Each step is
the command that one would type, and is printed as such; a demo that was interrupted
goes on where it stopped.
"""

import json
import shlex
import subprocess
import sys
import time
from pathlib import Path

from absl import flags

from kpp_tf import cli

OUT = flags.DEFINE_string("out", "runs/demo", "Folder of the demo.")
STEPS = flags.DEFINE_integer("steps", 1200, "Training steps of 256 images.", 1)

TOOLS = Path(__file__).resolve().parent
CONFIG = TOOLS.parent / "configs" / "glyphs.py"
WHAT = {
    "stored": "in the memory that they were written into",
    "importance_weighted": "the same, importance-weighted, of a part",
    "unseen": "in the memory of other images",
    "predictive": "in the memory of the images before them",
    "swapped": "in the memory of another episode",
}


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
    model, pictures = out / "model", out / "pictures"
    bound, export = out / "bound.json", out / "export"
    run(
        "train",
        f"--config={CONFIG}",
        f"--config.train.steps={STEPS.value}",
        f"--workdir={model}",
    )
    run(
        "evaluate",
        f"--workdir={model}",
        f"--quantities={','.join(WHAT)}",
        "--num_samples=8",
        "--batches=8",
        f"--json={bound}",
    )
    run("generate", f"--workdir={model}", f"--out={pictures}")
    run("export", f"--workdir={model}", f"--out={export}")

    results = json.loads(bound.read_text())
    summary = json.loads((model / "summary.json").read_text())
    report = {name: results[name] for name in (*WHAT, "terms", "parameters")}
    report["memory_floats_per_image"] = results["memory_floats_per_image"]
    report["images_per_second"] = summary["images_per_second"]
    report["seconds"] = round(time.monotonic() - started, 1)
    folders = (pictures.glob("*.png"), export.rglob("saved_model.pb"))
    report["files"] = sorted(str(file) for found in folders for file in found)
    target = out / "report.json"
    target.write_text(json.dumps(report, indent=1) + "\n")

    lines = "\n".join(
        f"  {bound['value']:8.2f} +- {bound['standard_error']:.2f}  {told}"
        for bound, told in ((report[name], told) for name, told in WHAT.items())
    )
    print(f"""
Bounds of -ln p(x given M), nats per image, of {results["stored"]["images"]} test \
glyphs, of characters never seen:
{lines}
A memory has {report["memory_floats_per_image"]:.0f} floats an image.
{report["parameters"]:,} weights, trained at \
{report["images_per_second"]:.0f} images/s; {report["seconds"]:.0f} s in all.
Look at {pictures}; serve {export}; the figures are in {target}.""")


if __name__ == "__main__":
    cli.run(main)
