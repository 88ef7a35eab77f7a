"""Settings of Keras that change what a model computes."""

import keras

from kpp_tf.errors import UserError
from kpp_tf.validation import PRECISIONS


def check() -> None:
    """Refuses settings under which models would silently compute something else.

    Settings come from `keras.json` (in ~/.keras or KERAS_HOME), from the environment or
    from calls to `keras.config`.

    Raises:
      UserError: if a setting is not what the models are written for.
    """
    for name, value, wanted in (
        ("backend", keras.config.backend(), "tensorflow"),
        ("image_data_format", keras.config.image_data_format(), "channels_last"),
        ("floatx", keras.config.floatx(), "float32"),
    ):
        if value != wanted:
            raise UserError(
                f"kpp_tf needs Keras' {name} to be {wanted!r}; set it in "
                f"~/.keras/keras.json, or point KERAS_HOME at a folder without that "
                f"file. Received: {name}={value!r}"
            )
    policy = keras.config.dtype_policy().name
    if policy not in PRECISIONS:
        raise UserError(
            f"Keras' global dtype policy must be one of {PRECISIONS}, which keep "
            f"weights in float32. Received: {policy!r}"
        )
