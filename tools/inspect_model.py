r"""Reports what a model is made of, without running any of it.

    python tools/inspect_model.py exported/kanerva_plus_plus
    python tools/inspect_model.py exported/kanerva_plus_plus-int8.tflite --json
    python tools/inspect_model.py --workdir=runs/glyphs
    python tools/inspect_model.py --workdir=runs/glyphs exported/kanerva_plus_plus

For a SavedModel or a .tflite file: signatures, shapes, operations, weights by size, the
size of an episode's memory, producer versions, and a warning for operations that this
project's exports do not use. A SavedModel is code: look before you load one. With
--workdir or --preset: the live model's parameters and floating point operations per
image. The exit code is 2 if there are unknown operations.
"""

import json
import sys
from typing import Any

from absl import flags

from kpp_tf import cli
from kpp_tf.errors import UserError

MODEL = cli.ModelFlags(required=False)
JSON = flags.DEFINE_bool("json", False, "Print JSON instead of a report.")
TOP = flags.DEFINE_integer("top", 10, "Weights and operations to list.", 1)


def main(paths: list[str]) -> int:
    """Inspects; returns the exit code."""
    if len(paths) > 1:
        raise UserError(f"give one path. Received: {paths}")
    named = MODEL.workdir.value or MODEL.preset.value
    if not paths and not named:
        raise UserError("give a path, --workdir or --preset. Received: nothing")
    live = _live() if named else None
    description: dict[str, Any] = {}
    if paths:
        cli.start_tensorflow()
        from kpp_tf.serving import inspection

        description = inspection.inspect(paths[0])
    if live:
        description["live"] = live
    if JSON.value:
        print(json.dumps(description, indent=1))
    else:
        _report(description)
    unknown = description.get("unknown_ops")
    if unknown:
        print(
            f"WARNING: operations that this project's exports do not use: {unknown}. "
            "A SavedModel is code; do not load it unless you trust its source.",
            file=sys.stderr,
        )
    return 2 if unknown else 0


def _live() -> dict[str, Any]:
    model, config = MODEL.load()
    from kpp_tf.benchmarks import speed
    from kpp_tf.models import KanervaPlusPlus

    live: dict[str, Any] = {
        "model": config.model.name,
        "parameters": model.count_params(),
        "memory_floats": model.memory_floats,
        "memory_floats_per_image": model.memory_floats / model.episode_length,
    }
    if isinstance(model, KanervaPlusPlus):
        live["flops_per_image"] = speed.flops_per_image(model)
    return live


def _report(description: dict[str, Any]) -> None:
    live = description.pop("live", None)
    if description:
        _report_file(description)
    if live:
        print(f"live model {live['model']}: {live['parameters']:,} parameters")
        print(
            f"  memory: {live['memory_floats']:,} floats an episode, "
            f"{live['memory_floats_per_image']:.1f} an image"
        )
        for what, flops in live.get("flops_per_image", {}).items():
            print(f"  {what}: {flops / 1e6:.2f} MFLOP an image")


def _report_file(description: dict[str, Any]) -> None:
    print(f"{description['format']} {description['path']}")
    for producer, version in description["producers"].items():
        print(f"  {producer}: {version}")
    for name, signature in description["signatures"].items():
        print(f"signature {name}")
        for side in ("inputs", "outputs"):
            for field, tensor in sorted(signature[side].items()):
                shape = [tensor["shape"], "unknown rank"][tensor["shape"] is None]
                text = str(shape).replace("None", "?")
                print(f"  {side[:-1]:<6} {field:<12} {tensor['dtype']:<8} {text}")
    if description["memory_floats"]:
        print(f"memory: {description['memory_floats']:,} floats an episode")
    print(
        f"weights: {description['weight_count']:,} numbers, "
        f"{description['weight_bytes']:,} bytes; the largest:"
    )
    for weight in description["weights"][: TOP.value]:
        print(f"  {weight['bytes']:>12,}  {weight['shape']!s:<20} {weight['name']}")
    ops = description["ops"]
    print(f"operations: {sum(ops.values()):,} of {len(ops)} kinds; the most frequent:")
    for op, count in list(ops.items())[: TOP.value]:
        print(f"  {count:>7,}  {op}")


if __name__ == "__main__":
    cli.run(main, arguments=True)
