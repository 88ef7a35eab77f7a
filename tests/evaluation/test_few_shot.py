"""The few-shot curve against closed forms, over partitions."""

import numpy as np
import pytest

from kpp_tf.evaluation.few_shot import PARTITIONS, few_shot
from tests.evaluation.known_model import KnownModel, batch, predictive_bounds


def test_the_curve_is_the_mean_of_those_of_the_partitions():
    asked = []

    def classes(replacement, partition):
        asked.append((replacement, partition))
        one = batch([3])
        return [one._replace(images=one.images * (0.2 + 0.1 * partition))]

    found = few_shot(KnownModel(), classes, samples=0)
    assert sorted(set(asked)) == [
        (drawn, number) for drawn in (False, True) for number in range(PARTITIONS)
    ]
    curves = np.array(
        [
            predictive_bounds(classes(False, number)[0].images[0, :3].numpy())
            for number in range(PARTITIONS)
        ]
    )
    for drawn in ("without_replacement", "with_replacement"):
        points = found[drawn]
        assert [point["seen"] for point in points] == [0, 1, 2]
        values = [point["value"] for point in points]
        np.testing.assert_allclose(values, curves.mean(axis=0), rtol=1e-5)
        errors = [point["standard_error"] for point in points]
        expected = curves.std(axis=0, ddof=1) / np.sqrt(PARTITIONS)
        np.testing.assert_allclose(errors, expected, rtol=1e-3)
    assert found["samples"] == 0 and found["partitions"] == PARTITIONS
    assert found["without_replacement"][0]["value"] == pytest.approx(
        curves[:, 0].mean(), rel=1e-5
    )
