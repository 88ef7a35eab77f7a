"""A memory of blocks: written by content or by turn, read through windows.

`writer.py` writes it (with `places.py`, which says where a frame wants to lie, and
`allocator.py`, which says where it may), `reader.py` reads it, and `memory_writer.py`
is the writer for models that write a memory once.
"""

from kpp_tf.layers.block_memory.memory_writer import MemoryWriter
from kpp_tf.layers.block_memory.places import PlaceHead
from kpp_tf.layers.block_memory.reader import WindowReader
from kpp_tf.layers.block_memory.writer import BlockWriter

__all__ = ["BlockWriter", "MemoryWriter", "PlaceHead", "WindowReader"]
