"""Kanerva++ (ICLR 2021): episodic memory for image generation, in Keras 3."""

__version__ = "0.1.0"

import os

# Before Keras is imported, which would take another backend from ~/.keras/keras.json.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
