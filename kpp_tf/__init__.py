"""Kanerva++ (ICLR 2021): episodic memory for image generation, in Keras 3."""

import os
import sys

__version__ = "0.1.0"

# Before Keras is imported, which would take another backend from ~/.keras/keras.json.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

if "keras" in sys.modules:
    # Keras finds the classes that a saved file names once they have been imported.
    # Where Keras is not there yet, this package is quick to import: a program answers
    # `--help` without TensorFlow's seconds.
    import kpp_tf.models  # noqa: F401
