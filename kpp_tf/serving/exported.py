"""An exported model that writes and draws like a live one."""

import os
from pathlib import Path

import tensorflow as tf

from kpp_tf import files, validation
from kpp_tf.config import completed
from kpp_tf.errors import UserError, reason
from kpp_tf.models.kanerva_plus_plus import Memory
from kpp_tf.serving import inspection, saved_model


class Exported:
    """Writes and generates through the signatures of a SavedModel.

    A SavedModel is code: it is loaded only if `inspection.inspect` finds no unknown
    operations.

    Args:
      path: `<base>/<model>/<version>`, or `<base>/<model>` for its newest version.

    Raises:
      UserError: if it is no SavedModel, has unknown operations, or does not name its
        experiment.

    Attributes:
      config: the experiment's ConfigDict.
      capacity, blocks_per_frame, block_size: see `KanervaPlusPlus`.
    """

    def __init__(self, path: str | os.PathLike):
        described = inspection.inspect(path)
        if described["unknown_ops"]:
            raise UserError(
                "this project's exports do not use the operations "
                f"{described['unknown_ops']}, and a SavedModel is code: it is not "
                f"loaded. Received: {path}"
            )
        folder = Path(described["path"])
        about = folder / "assets.extra" / saved_model.DESCRIPTION_FILE
        noted = files.read_json(about) if about.exists() else {}
        if "experiment" not in noted:
            raise UserError(
                "the export does not name its experiment; export it again with "
                f"kpp-export. Received: {path}"
            )
        self.config = completed(noted["experiment"], about)
        validation.check(self.config)
        model = self.config.model
        self.blocks_per_frame = model.blocks_per_frame
        self.block_size = model.block_size
        self.capacity = (
            model.memory_size // model.block_size
        ) ** 2 // model.blocks_per_frame
        # The signatures die with the object that they were loaded with.
        try:
            self._loaded = tf.saved_model.load(os.fspath(folder))
        except Exception as error:  # its errors have no common base
            raise UserError(
                f"the export is damaged: {reason(error)}. Received: {path}"
            ) from error

    def write(self, episode: tf.Tensor, mask: tf.Tensor) -> Memory:
        """See `MemoryModel.write`."""
        write = self._loaded.signatures["write_marked"]
        fields = write(episode=episode, written=tf.cast(mask, tf.int32))
        return Memory(*(fields[f"memory_{name}"] for name in Memory._fields))

    def generate(
        self, memory: Memory, num_samples: int, seeds: tf.Tensor, temperature: tf.Tensor
    ) -> tf.Tensor:
        """See `MemoryModel.generate`; the export fixes the number of images.

        Raises:
          UserError: for a memory of another model, or of another size.
        """
        del num_samples
        generate = self._loaded.signatures["generate"]
        expected = generate.structured_input_signature[1]
        for name in ("cells", "coverage"):
            shape = expected[f"memory_{name}"].shape
            if not shape.is_compatible_with(getattr(memory, name).shape):
                raise UserError(
                    f"the exported model's memory has {name} of shape {shape}; was it "
                    "written by another model? Received: "
                    f"{tuple(getattr(memory, name).shape)}"
                )
        return generate(
            memory_cells=memory.cells,
            memory_coverage=memory.coverage,
            seed=seeds,
            temperature=temperature,
        )["images"]
