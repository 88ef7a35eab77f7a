"""Settings of Keras that a user's machine may carry, and these models need."""

import keras

from kpp_tf.errors import UserError
from kpp_tf.validation import PRECISIONS as POLICIES


def check() -> None:
    """Refuses settings under which models would compute something else, silently.

    They come from `keras.json` (in ~/.keras or KERAS_HOME), from the environment or
    from calls to `keras.config`.

    Raises:
      UserError: if one is not what the models are written for.
    """
    for name, value, wanted in (
        ("backend", keras.config.backend(), "tensorflow"),
        ("image_data_format", keras.config.image_data_format(), "channels_last"),
        ("floatx", keras.config.floatx(), "float32"),
    ):
        if value != wanted:
            raise UserError(
                f"kpp_tf needs Keras' {name} to be {wanted!r}; set it so in "
                f"~/.keras/keras.json, or name a folder without that file in the "
                f"environment variable KERAS_HOME. Received: {name}={value!r}"
            )
    policy = keras.config.dtype_policy().name
    if policy not in POLICIES:
        raise UserError(
            f"Keras' global dtype policy must be one of {POLICIES}, which keep weights "
            f"in float32. Received: {policy!r}"
        )
