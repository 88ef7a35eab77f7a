"""The sections of RESULTS.md on ablations, episode length, precision and samples."""

from collections.abc import Iterator

from kpp_tf.evaluation import result_cells as cells
from kpp_tf.evaluation.ablations import VARIANTS
from kpp_tf.evaluation.result_files import ResultFiles

LENGTHS = (8, 16, 32, 64)
DTYPES = ("float32", "bfloat16", "int8", "int4")


def ablations(results: ResultFiles) -> Iterator[str]:
    """The section of that name, line by line."""
    yield "## Ablations\n"
    yield (
        "Kanerva++ on binarized MNIST, one thing changed at a time, each trained for "
        "so many steps as its line says: far fewer than the runs above, so compare "
        "lines with each other. Test split; columns after the terms are explained "
        "under [Samples](#samples).\n"
    )
    base = results.ablations.get("base", {}).get("bound")
    rows, measured = [], {}
    for name, variant in VARIANTS.items():
        run = results.ablations.get(name)
        if run is None:
            rows.append([variant.title, cells.NOT_RUN, *["-"] * 11])
            continue
        quality = results.quality.get(f"ablation_{name}", {})
        measured[name] = {**quality, "bound": run["bound"]}
        rows.append(
            [
                variant.title,
                f"{run['bound']:.2f} +- {run['bound_standard_error']:.2f}",
                cells.number(None if base is None else run["bound"] - base, sign=True),
                *cells.terms(run)[:3],
                cells.number(run.get("memory_floats_per_image"), 0),
                cells.number(run.get("steps"), 0),
                cells.number(quality.get("frechet_samples_to_held_out")),
                cells.number(quality.get("frechet_refined_to_held_out")),
                cells.number(quality.get("novelty")),
                cells.number(quality.get("largest_step")),
                f"`results/ablations/{name}.json`",
            ]
        )
    yield from cells.table(
        (
            "variant",
            "bound, nats/image",
            "against base",
            "-ln p(x\\|z, m)",
            "KL latents",
            "KL keys",
            "memory floats/image",
            "steps",
            "Frechet, samples",
            "Frechet, refined",
            "novelty",
            "largest step",
            "from",
        ),
        rows,
    )
    best = [
        ("lowest bound", "bound"),
        ("samples nearest to held-out images", "frechet_samples_to_held_out"),
        ("the same after iterative inference", "frechet_refined_to_held_out"),
        ("smoothest key paths", "largest_step"),
    ]
    for claim, field in best:
        known = {n: m[field] for n, m in measured.items() if field in m}
        if len(known) > 1:
            name = min(known, key=known.get)
            yield f"* {claim}: {VARIANTS[name].title} ({known[name]:.2f})"
    yield ""


def lengths(results: ResultFiles) -> Iterator[str]:
    """The section of that name, line by line."""
    yield "## Episode length at test time\n"
    yield (
        "One trained model, written with T images instead of the T it was trained with "
        "(marked *); the memory's size stays, so that it is shared by more or fewer "
        "images. An allocated memory has floor(S / P)^2 slots: images beyond them "
        "share slots, and are read back mixed. Where a line says S, the same weights "
        "were given a memory of S x S cells.\n"
    )
    for model in _models(results):
        found = {
            (e["episode_length"], e.get("resized_memory", 0)): (name, e)
            for name, e in results.evaluations.items()
            if e.get("pretrained") == model and e["memory_dtype"] == "float32"
        }
        trained = {e["trained_episode_length"] for _, e in found.values()}
        rows = []
        for case in sorted({*((length, 0) for length in LENGTHS), *found}):
            length, size = case
            mark = f", S={size}" if size else "*" if length in trained else ""
            rows.append([f"{length}{mark}", *_evaluation_cells(found.get(case))])
        yield f"`{model}`:\n"
        yield from cells.table(("T", *_EVALUATION_COLUMNS), rows)


def precisions(results: ResultFiles) -> Iterator[str]:
    """The section of that name, line by line."""
    yield "## Precision of the stored memory\n"
    yield (
        "One trained model; the memory is rounded between writing and reading: to "
        "bfloat16, or to symmetric integers with one float32 scale for each channel of "
        "each episode, whose bits are counted. Nothing is trained for it. The third "
        "column says how many float32s of 32 bits would take as much room.\n"
    )
    for model in _models(results):
        found = {
            e["memory_dtype"]: (name, e)
            for name, e in results.evaluations.items()
            if e.get("pretrained") == model
            and e["episode_length"] == e["trained_episode_length"]
            and not e.get("resized_memory")
        }
        rows = []
        for dtype in DTYPES:
            bits = found.get(dtype, (None, {}))[1].get("memory_bits_per_image")
            room = None if bits is None else bits / 32
            stored = [dtype, cells.number(bits, 0), cells.number(room, 1)]
            rows.append([*stored, *_evaluation_cells(found.get(dtype))])
        yield f"`{model}`:\n"
        columns = ("stored as", "bits/image", "room of float32s/image")
        yield from cells.table((*columns, *_EVALUATION_COLUMNS), rows)


_EVALUATION_COLUMNS = (
    "bound, nats/image",
    "-ln p(x\\|z, m)",
    "KL latents",
    "KL keys",
    "swapped",
    "memory floats/image",
    "from",
)


def _evaluation_cells(found):
    if found is None:
        return [cells.NOT_RUN, *["-"] * 6]
    name, evaluation = found
    return [
        f"{evaluation['bound']:.2f} +- {evaluation['bound_standard_error']:.2f}",
        *cells.terms(evaluation)[:3],
        cells.number(evaluation.get("bound_swapped_memory")),
        cells.number(evaluation["memory_floats_per_image"], 1),
        f"`results/evaluations/{name}.json`",
    ]


def samples(results: ResultFiles) -> Iterator[str]:
    """The section of that name, line by line."""
    yield "## Samples\n"
    yield (
        "The bound alone can be won by a memory that merely stores. The test episodes "
        "are cut in two: memories are written from one half; the other is held out. "
        "Frechet distance: in the 64 features of a small classifier trained here, so "
        "not comparable with distances published elsewhere; of samples from p(Y), and "
        "of the same refined by iterative inference, to held-out images and to those "
        "that were written. Perfect samples would get what the written images "
        'themselves get (column "floor"). Novelty: distance of a sample to the '
        "nearest written frame over that of a written frame to the nearest other; 0 "
        "for copies, 1 for samples as new as another frame, more for what resembles no "
        "frame. Along straight key paths "
        "between two frames, 16 steps: the largest change of one step (1 is a jump, "
        "0.06 an even crossing) and the path's length (1 is straight), both over the "
        "distance of the ends.\n"
    )
    columns = {
        "held-out, samples": "frechet_samples_to_held_out",
        "held-out, refined": "frechet_refined_to_held_out",
        "floor": "frechet_written_to_held_out",
        "written, samples": "frechet_samples_to_written",
        "written, refined": "frechet_refined_to_written",
        "novelty": "novelty",
        "novelty, refined": "novelty_refined",
        "largest step": "largest_step",
        "path length": "path_length",
    }
    rows = []
    others = [n for n in results.quality if not n.startswith("ablation_")]
    for name in sorted({*_models(results), *others}):
        quality = results.quality.get(name)
        if quality is None:
            rows.append([name, *[cells.NOT_RUN] * len(columns), "-", "-"])
            continue
        figures = [cells.number(quality.get(field)) for field in columns.values()]
        accuracy = f"{100 * quality['classifier']['accuracy']:.1f}%"
        rows.append([name, *figures, accuracy, f"`results/quality/{name}.json`"])
    yield from cells.table(("model", *columns, "classifier's accuracy", "from"), rows)


def _models(results) -> list[str]:
    """Names of the models that lines are shown for, run or not."""
    found = {e["pretrained"] for e in results.evaluations.values() if e["pretrained"]}
    return sorted(found) or ["binarized_mnist"]
