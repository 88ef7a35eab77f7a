"""Warm-up records: requests that TF Serving runs before a version answers its first."""

import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf

from kpp_tf.errors import require
from kpp_tf.serving.signatures import Signature
from kpp_tf.serving.specs import example_inputs

FILE_NAME = "tf_serving_warmup_requests"
# TF Serving refuses a file of more than 1,000 records.
BATCH_SIZES = (1, 8)


def has_extra() -> bool:
    """Whether the `serving` extra is installed."""
    return importlib.util.find_spec("tensorflow_serving") is not None


def require_extra() -> None:
    """Raises UserError without the `serving` extra."""
    purpose = "for warm-up records (or export with --nowarm_up)"
    require("tensorflow_serving", "serving", purpose)


def write(
    folder: str | os.PathLike, model: str, offered: Mapping[str, Signature], length: int
) -> Path:
    """Writes one request for each signature and each of `BATCH_SIZES`.

    Args:
      folder: `assets.extra` of a version.
      model: the model's name in the requests.
      offered: the version's signatures.
      length: T of the requests' episodes.

    Returns:
      The file, TFRecords of `tensorflow.serving.PredictionLog`.
    """
    from tensorflow_serving.apis import prediction_log_pb2

    path = Path(folder) / FILE_NAME
    with tf.io.TFRecordWriter(os.fspath(path)) as writer:
        for name, signature in offered.items():
            for batch in BATCH_SIZES:
                log = prediction_log_pb2.PredictionLog()
                request = log.predict_log.request
                request.model_spec.name = model
                request.model_spec.signature_name = name
                inputs = example_inputs(signature.inputs, batch, length)
                for field, value in inputs.items():
                    request.inputs[field].CopyFrom(tf.make_tensor_proto(value))
                writer.write(log.SerializeToString())
    return path
