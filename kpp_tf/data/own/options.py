"""How own images are read: the fields of `config.data` that say so, checked."""

from __future__ import annotations

from typing import NamedTuple

from ml_collections import ConfigDict

from kpp_tf.errors import UserError

# By how many letters an array has axes: count, height, width, channels, pixels.
AXES = {2: ("NP", "HW"), 3: ("NHW", "HWN", "HWC", "CHW"), 4: ("NHWC", "NCHW", "HWCN")}


class Options(NamedTuple):
    """Attributes are the fields of `config.data` that have the same names."""

    image_shape: tuple[int, int, int]
    damaged: str
    ground: int
    white: float
    axes: str
    named_splits: str

    @classmethod
    def of(cls, data_config: ConfigDict) -> Options:
        """Reads and checks the fields.

        Raises:
          UserError: if one is outside its range; names it.
        """
        options = cls(**{name: data_config[name] for name in cls._fields})
        shape = tuple(options.image_shape)
        options = options._replace(image_shape=shape)  # type: ignore[arg-type]
        known = [name for names in AXES.values() for name in names]
        for name, holds, what in (
            (
                "image_shape",
                len(shape) == 3 and min(shape) >= 1 and shape[-1] in (1, 3),
                "(height, width, channels), with 1 channel for grey or 3 for colour",
            ),
            ("damaged", options.damaged in ("skip", "stop"), "'skip' or 'stop'"),
            ("ground", 0 <= options.ground <= 255, "a level from 0 to 255"),
            ("white", 0 <= options.white < 2**32, "a level of white, or 0"),
            ("axes", options.axes in ["", *known], f"'' or one of {known}"),
            (
                "named_splits",
                options.named_splits in ("auto", "always", "never"),
                "'auto', 'always' or 'never'",
            ),
        ):
            if not holds:
                raise UserError(
                    f"config.data.{name} must be {what}. "
                    f"Received: {getattr(options, name)!r}"
                )
        return options
