"""The card of a preset: what it was made from, its figures, its limits."""

from collections.abc import Mapping, Sequence
from typing import Any

# The images of each bound, in the order of the card.
_BOUNDS = {
    "stored": "images that the memory was written from (stored)",
    "unseen": "images that it was not written from (unseen)",
    "predictive": "each image after those before it (predictive)",
}

# A published figure: the bound's name, the source, the value in the same unit.
Reference = tuple[str, str, float]


def text(
    name: str,
    config: Mapping[str, Any],
    metadata: Mapping[str, Any],
    results: Mapping[str, Any] | None = None,
    references: Sequence[Reference] = (),
) -> str:
    """The card, in Markdown, with the front matter that hubs read.

    Args:
      name: of the preset.
      config: its config.json.
      metadata: its metadata.json; `training` may hold a run's summary (command, device,
        git_revision, seconds, steps), `examples` says what examples.npz holds.
      results: what `kpp-evaluate` measured of it, if anything.
      references: published figures of others.
    """
    parts = (
        _front_matter(),
        f"# {name}\n",
        _model(name, config, metadata),
        "## Training\n",
        _training(config, metadata["training"]),
        "## Figures\n",
        _figures(results, references) if results else "Not measured.\n",
        "## Limits\n",
        _limits(config, results or {}),
        *_examples(metadata),
        "## License\n",
        "Apache-2.0, as the package. The data have terms of their own.\n",
    )
    return "\n".join(parts)


def _examples(metadata: Mapping[str, Any]) -> list[str]:
    if "examples" not in metadata:
        return []
    return ["## Examples\n", f"`examples.npz` holds {metadata['examples']}.\n"]


def _front_matter() -> str:
    return (
        "---\n"
        "license: apache-2.0\n"
        "library_name: keras\n"
        "pipeline_tag: unconditional-image-generation\n"
        "tags:\n- kanerva\n- episodic-memory\n- variational-inference\n"
        "---\n"
    )


def _model(name: str, config: Mapping[str, Any], metadata: Mapping[str, Any]) -> str:
    return (
        f"A `{config['model']['name']}` of kpp_tf {metadata['kpp_tf_version']}, with "
        f"{metadata['parameter_count']:,} weights in half precision.\n\n"
        "```python\nimport kpp_tf\n\n"
        f'model = kpp_tf.from_preset("{name}")  # or the path of this folder\n```\n'
    )


def _training(config: Mapping[str, Any], training: Mapping[str, Any]) -> str:
    data = config["data"]
    shape = " x ".join(map(str, data["image_shape"]))
    lines = [
        f"* Data: {data['name'] or 'not said'}, images of {shape}, in episodes of "
        f"{data['episode_length']}; binarization: {data['binarize']}; augmentation: "
        f"{', '.join(data['augment']) or 'none'}."
    ]
    if "command" in training:
        lines.append(f"* Command: `{training['command']}`.")
    if "seconds" in training:
        images = data["episodes_per_batch"] * data["episode_length"]
        lines.append(
            f"* {training['steps']:,} steps of {images} images in "
            f"{training['seconds'] / 3600:.1f} hours on {training['device']}."
        )
    if "--init_from" in training.get("command", ""):
        lines.append(
            "* It started from trained weights, whose steps are not counted here."
        )
    if training.get("git_revision"):
        lines.append(f"* Revision: {training['git_revision']}.")
    return "\n".join(lines) + "\n"


def _figures(results: Mapping[str, Any], references: Sequence[Reference]) -> str:
    lines = [
        f"Bounds on the {results['split']} split, in {results['stored']['unit']}, "
        f"lower is better; episodes of {results['episode_length']} images, "
        f"{results['memory_floats_per_image']:.0f} floats of memory an image.\n",
        "| bound of | here | published |",
        "| --- | --- | --- |",
    ]
    for name, what in _BOUNDS.items():
        if name in results:
            found = results[name]
            others = [f"{value} ({who})" for of, who, value in references if of == name]
            lines.append(
                f"| {what} | {found['value']:.2f} +- {found['standard_error']:.2f} | "
                f"{', '.join(others)} |"
            )
    return "\n".join([*lines, "", f"Measured by `{results['command']}`.\n"])


def _limits(config: Mapping[str, Any], results: Mapping[str, Any]) -> str:
    shape = " x ".join(map(str, config["data"]["image_shape"]))
    lines = [
        f"* It takes images of {shape} in [0, 1], and only knows images like its data.",
        "* The bound of stored images alone says little of a model: read all bounds.",
    ]
    if "capacity" in results:
        lines.append(
            f"* The memory holds {results['capacity']} images; one more overwrites the "
            "image whose place is nearest."
        )
    if "nudge" in results:
        kept = results["nudge"]["one_cell"]["class_kept"]
        chance = results["nudge"]["same_class"]
        lines.append(
            f"* A key moved by a whole block keeps the class of its image in "
            f"{100 * kept:.1f}% ({100 * chance:.1f}% by chance)."
        )
    return "\n".join(lines) + "\n"
