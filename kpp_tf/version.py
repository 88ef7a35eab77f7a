"""The package's version, in a file that reads without importing anything."""

__version__ = "0.1.0"
