"""Kanerva++ (ICLR 2021): episodic memory for image generation, in Keras 3."""

__version__ = "0.1.0"
