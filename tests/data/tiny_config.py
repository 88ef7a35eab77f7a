"""`config.data` for a data set."""

from kpp_tf import config as config_lib


def data_config(name, shape=(28, 28, 1), **changes):
    """The default `config.data` with another data set and other fields."""
    config = config_lib.default().data
    config.name = str(name)
    config.image_shape = shape
    config.update(changes)
    return config
