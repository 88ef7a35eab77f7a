"""The precision that a model computes in."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import keras
import tensorflow as tf
from absl import logging

_CPU_INFO = Path("/proc/cpuinfo")


@contextlib.contextmanager
def policy(precision: str) -> Iterator[None]:
    """Layers created in this block compute in `precision`; weights are float32.

    Keras' global policy, which a user may have set, has no effect inside the block and
    is restored after it.

    Args:
      precision: one of `kpp_tf.validation.PRECISIONS`.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def warn_if_slow(precision: str) -> None:
    """Warns where this machine's processor would emulate bfloat16."""
    kinds = {device.device_type for device in tf.config.list_physical_devices()}
    if precision != "mixed_bfloat16" or kinds != {"CPU"} or not _CPU_INFO.exists():
        return
    if not has_bfloat16(_CPU_INFO.read_text()):
        logging.warning(
            "This processor has no arithmetic in bfloat16 (AVX512_BF16, AMX): training "
            "is several times faster with --config.train.precision=float32."
        )


def has_bfloat16(cpu_info: str) -> bool:
    """Whether a processor multiplies bfloat16, by the text of /proc/cpuinfo."""
    return bool(re.search(r"\b(avx512_bf16|amx_bf16|bf16)\b", cpu_info))
