r"""Exports a trained generator for serving, and checks what it wrote.

    python tools/export.py --workdir=runs/glyphs --out=exported
    python tools/export.py --pretrained=binarized_mnist --out=exported
    python tools/export.py --workdir=runs/glyphs --out=exported --format=tflite

A SavedModel becomes the next version, `<out>/<name>/<number>/`, as TF Serving loads it;
a version that is there is never overwritten. TFLite files become
`<out>/<name>-<precision>.tflite`, for one episode of the configured length, with their
size, latency and change of the bound on test episodes. Either is loaded again and
compared with the live model before anything is reported. See docs/serving.md.
"""

from absl import flags

from kpp_tf import cli

MODEL = cli.ModelFlags()
OUT = flags.DEFINE_string("out", None, "Folder of exported models.", required=True)
NAME = flags.DEFINE_string(
    "name", None, "Of the model, as clients call it; config.model.name if not given."
)
FORMAT = flags.DEFINE_enum(
    "format", "saved_model", ["saved_model", "tflite"], "What to write."
)
NUM_SAMPLES = flags.DEFINE_integer(
    "num_samples",
    None,
    "Images that one `generate` draws of a memory; the episode length if not given. "
    "SavedModel alone.",
    lower_bound=1,
)
WARM_UP = flags.DEFINE_bool(
    "warm_up", True, "Add warm-up records for TF Serving (needs the serving extra)."
)
PRECISIONS = flags.DEFINE_list(
    "precisions", ["float32", "float16", "int8"], "Of the TFLite files."
)
DATA = cli.DataFlags()
BOUND_EPISODES = flags.DEFINE_integer(
    "bound_episodes", 16, "Test episodes to score TFLite files on; 0: none.", 0
)


def main() -> None:
    """Exports."""
    model, config = MODEL.load()
    name = NAME.value or config.model.name
    if FORMAT.value == "tflite":
        _export_tflite(model, config, name)
    else:
        _export_saved_model(model, name)


def _export_saved_model(model, name):
    from kpp_tf.serving import saved_model

    path, differences = saved_model.export(
        model, OUT.value, name, NUM_SAMPLES.value, WARM_UP.value
    )
    for output, difference in differences.items():
        print(f"  {output:<28} differs from the live model by {difference:.1e}")
    print(f"Wrote {path}: version {path.name} of {name}, checked against the model.")


def _export_tflite(model, config, name):
    from pathlib import Path

    from kpp_tf.serving import tflite

    batches = _episodes(config)
    reference = _bound(model, batches, None)
    for precision in PRECISIONS.value:
        content, differences = tflite.convert(model, precision)
        path = tflite.write_file(
            content, Path(OUT.value) / f"{name}-{precision}.tflite"
        )
        lite = tflite.LiteModel(content)
        for output, difference in differences.items():
            milliseconds = 1e3 * _seconds(lite, output.partition("/")[0])
            print(
                f"  {output:<28} differs from the SavedModel by {difference:.1e}, "
                f"takes {milliseconds:.1f} ms"
            )
        if batches:
            bound = _bound(model, batches, lite)
            print(
                f"  bound {bound:.3f} nats/image, {bound - reference:+.3f} against "
                f"the live model's {reference:.3f}"
            )
        print(f"Wrote {path}: {len(content):,} bytes, builtin operations alone.")


def _seconds(lite, signature):
    from kpp_tf.benchmarks import speed

    inputs = lite.example_inputs(signature)

    def call():
        lite.run(signature, inputs)
        return ()  # nothing left to wait for

    return speed.seconds_per_call(call, repeats=5, rounds=3)


def _episodes(config):
    """Whole test episodes, for the bound."""
    import tensorflow as tf

    if not BOUND_EPISODES.value:
        return []
    count = -(-BOUND_EPISODES.value // config.eval.episodes_per_batch)
    dataset = DATA.episodes(config)
    whole = dataset.filter(lambda batch: tf.reduce_all(batch.mask > 0))
    return list(whole.take(count))


def _bound(model, batches, lite):
    import numpy as np

    from kpp_tf.serving import tflite

    bounds = [tflite.bound(model, b.images, b.seeds, lite) for b in batches]
    return float(np.mean(bounds)) if bounds else float("nan")


if __name__ == "__main__":
    cli.run(main)
