"""One memory of many images: what it costs, stores and finds again, by how many."""

import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from kpp_tf import noise
from kpp_tf.evaluation.corruptions import hide_half, salt_and_pepper
from kpp_tf.models.kanerva_plus_plus import KanervaPlusPlus, Memory
from kpp_tf.models.kanerva_plus_plus.bulk_writer import BulkWriter
from kpp_tf.models.kanerva_plus_plus.capacity import side_for

LENGTHS = (32, 100, 1_000, 10_000, 60_000)
QUERIES = 512  # images that are scored and searched, evenly among those written
AT_ONCE = 64
NOISE = (0.1, 0.3, 0.5)


def large_memory(
    model: KanervaPlusPlus,
    images: Callable[[int], Iterator[np.ndarray]],
    lengths: Sequence[int] = LENGTHS,
    seed: int = 0,
    say: Callable[[str], None] = lambda line: None,
) -> list[dict[str, float]]:
    """Writes the first T images into the smallest memory that holds them, for each T.

    Args:
      model: with trained weights; its memory is resized.
      images: of T to chunks [N, H, W, C] in [0, 1], T images in all.
      lengths: the numbers T.
      seed: of noise and latents.
      say: takes a line before each T.

    Returns:
      A row for each T: `images`, T; `blocks`, G; `stored`, the bound of -ln p(x|M) in
      nats, and `keys`, the part that names the block; `found_10`, `found_30`,
      `found_50` and `found_half`, the share of images whose block is nearest to them
      after salt and pepper on so many percent of their pixels, or with the lower half
      hidden; `write_ms`, `find_ms` and `read_ms`, an image, on this machine (to write
      it, to find its key, to draw it at its key); `bytes` an image in float32 (half of
      that in bfloat16, a quarter in int8).
    """
    rows = []
    for length in lengths:
        say(f"{length:,} images in one memory")
        large = model.resized(max(side_for(model, length), 1))
        writer = BulkWriter(large)
        blocks, kept = [], []
        wanted = set(np.linspace(0, length - 1, min(QUERIES, length)).astype(int))
        seconds = 0.0
        for chunk in images(length):
            start = writer.count
            before = time.perf_counter()
            given = writer.add(chunk)
            seconds += time.perf_counter() - before
            some = [n for n in range(len(chunk)) if start + n in wanted]
            blocks.append(given[some])
            kept.append(chunk[some])
        if writer.count != length:
            raise ValueError(f"images({length}) gave {writer.count} images")
        memory = writer.memory()
        queries, own = np.concatenate(kept), np.concatenate(blocks)
        rows.append(
            {
                "images": length,
                "blocks": large.reader.grid,
                **_stored(large, memory, queries, own, seed),
                **_found(large, memory, queries, own, seed),
                "write_ms": 1e3 * seconds / length,
                **_times(large, memory, queries),
                "bytes": 4 * (large.memory_floats / length),
            }
        )
    return rows


def _stored(
    model: KanervaPlusPlus,
    memory: Memory,
    queries: np.ndarray,
    blocks: np.ndarray,
    seed: int,
) -> dict[str, float]:
    """The bound at recall keys, and what they cost."""
    region = model.windows.recall(tf.constant(blocks[np.newaxis]))
    seeds = noise.row_seeds([seed, 0], 1)
    keys = model.keys.draw(region, seeds)
    cost = float(tf.reduce_mean(model.keys.kl(region, keys, analytic=True)))
    score = tf.function(model.elbo_at)
    bounds = [
        score(memory, queries[np.newaxis, part], keys[:, part], seeds).bound
        for part in _parts(len(queries))
    ]
    return {
        "stored": float(np.mean(np.concatenate(bounds, axis=1))) + cost,
        "keys": cost,
    }


def _found(
    model: KanervaPlusPlus,
    memory: Memory,
    queries: np.ndarray,
    blocks: np.ndarray,
    seed: int,
) -> dict[str, float]:
    """Shares of damaged images whose own block is nearest."""
    seeds = noise.row_seeds([seed, 1], 1)
    damaged = {
        f"found_{share:.0%}".rstrip("%"): salt_and_pepper(queries[None], seeds, share)
        for share in NOISE
    }
    damaged["found_half"] = hide_half(tf.constant(queries[None]))
    nearness = tf.function(model.nearness)
    results = {}
    for name, images in damaged.items():
        nearest = [
            tf.argmax(nearness(memory, images[:, part])[0], axis=-1)
            for part in _parts(len(queries))
        ]
        right = np.all(np.concatenate(nearest) == blocks, axis=-1)
        results[name] = float(right.mean())
    return results


def _times(
    model: KanervaPlusPlus, memory: Memory, queries: np.ndarray
) -> dict[str, float]:
    """Milliseconds an image to find its key and to draw it, `AT_ONCE` at once."""
    find, read = tf.function(model.infer_keys), tf.function(model.generate_from_keys)
    part = tf.constant(queries[np.newaxis, :AT_ONCE])
    keys = find(memory, part)
    read(memory, keys)
    start = time.perf_counter()
    find(memory, part)
    middle = time.perf_counter()
    read(memory, keys)
    end = time.perf_counter()
    count = part.shape[1]
    return {
        "find_ms": 1e3 * (middle - start) / count,
        "read_ms": 1e3 * (end - middle) / count,
    }


def _parts(count: int) -> list[slice]:
    return [slice(first, first + AT_ONCE) for first in range(0, count, AT_ONCE)]
