"""Which numbers layers compute with, and where that is slow."""

import keras
import pytest

from kpp_tf.training.devices import precision
from tests import layer_checks


def test_the_policy_is_that_of_the_block_whatever_the_global_one():
    with layer_checks.precision("mixed_float16"):
        with precision.policy("float32"):
            layer = keras.layers.Dense(2)
        assert layer.compute_dtype == "float32"
        assert keras.config.dtype_policy().name == "mixed_float16"


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("fpu avx2 avx512f avx512_vnni", False),
        ("fpu avx512f avx512_bf16 avx512_fp16", True),
        ("fpu avx2 amx_bf16 amx_tile", True),
        ("fp asimd bf16 sve", True),
        ("fp asimd ebf16x", False),
    ],
)
def test_bfloat16_is_known_by_the_processor_flags(
    flags, expected, tmp_path, monkeypatch
):
    text = f"processor : 0\nflags : {flags}\n"
    assert precision.has_bfloat16(text) is expected
    (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr(precision, "_CPU_INFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(precision.tf.config, "list_physical_devices", _one_cpu)
    warned = []
    monkeypatch.setattr(precision.logging, "warning", lambda *text: warned.append(text))
    precision.warn_if_slow("float32")
    assert not warned
    precision.warn_if_slow("mixed_bfloat16")
    assert bool(warned) is not expected


def _one_cpu():
    return [type("Device", (), {"device_type": "CPU"})]
