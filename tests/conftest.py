"""What every test shares: quiet logs and the folder of prepared data sets."""

import os
import signal
from pathlib import Path

import pytest

# Read by TensorFlow when it is first imported, so set before any test module is.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# Whoever starts the tests in the background may have SIGINT ignored, and the programs
# that the tests start and interrupt would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def tfds_dir() -> Path:
    """Folder of prepared TFDS data sets; skips the test where none is named."""
    folder = os.environ.get("KPP_TFDS_DIR")
    if not folder:
        pytest.skip("KPP_TFDS_DIR is unset: name a folder of prepared TFDS data sets")
    path = Path(folder).resolve()
    if not path.is_dir():
        pytest.fail(f"KPP_TFDS_DIR must name a folder. Received: {folder}")
    return path


@pytest.fixture(autouse=True)
def _gpu_tests_need_a_gpu(request: pytest.FixtureRequest) -> None:
    """Skips a test marked `gpu` where TensorFlow sees no GPU."""
    if request.node.get_closest_marker("gpu") is None:
        return
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        pytest.skip("no GPU that TensorFlow sees")
