"""Whether the weights of one model mean the same in another."""

from kpp_tf.models import MemoryModel
from kpp_tf.training.checkpoints import ArchitectureError
from kpp_tf.validation import flatten

# Arguments of models that no weight depends on: of the scale's prior, the weights see
# the widths that it gives.
_FREE = frozenset(
    {
        "name",
        "episode_length",
        "memory_size",
        "explored",
        "near",
        "rounding",
        "scale_low",
        "scale_high",
    }
)


def check_same_architecture(given: MemoryModel, wanted: MemoryModel) -> None:
    """Compares the models' classes and arguments: equal shapes are not enough.

    K++ whose latents are one group may become one of several: the chain between them
    starts as if it were not there. Where blocks are maps, all is convolutional: images
    may be larger, in as many more cells.

    Args:
      given: whose weights are to be taken.
      wanted: that is to take them.

    Raises:
      ArchitectureError: if they differ; the message lists the differences.
    """
    ours, theirs = _arguments(wanted), _arguments(given)
    lines = [
        f"{name} is {theirs.get(name, 'absent')}, here {ours.get(name, 'absent')}"
        for name in sorted(ours.keys() | theirs.keys())
        if ours.get(name) != theirs.get(name)
        and (name, theirs.get(name)) != ("latent_groups", 1)
    ]
    if lines:
        raise ArchitectureError(
            "To start from a model's weights, take its architecture: the --config that "
            f"it was trained with. Received one whose {'; '.join(lines)}"
        )


def _arguments(model: MemoryModel) -> dict[str, object]:
    flat = flatten({"model": type(model).__name__, **model.get_config()})
    # As layers take a config that is older than these arguments.
    flat.setdefault("encoder.linear", False)
    if "block_size" in flat:
        flat.setdefault("latent_groups", 1)
    if flat.get("block_size", 1) > 1:
        side = flat.pop("block_size")
        *sides, channels = flat.pop("image_shape")
        flat["pixels of a cell"] = [*(pixels / side for pixels in sides), channels]
    # A JSON file makes lists of tuples.
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in flat.items()
        if name not in _FREE
    }
