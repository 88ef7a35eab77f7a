"""The few-shot curve against closed forms, over partitions."""

import numpy as np

from kpp_tf.evaluation import few_shot_protocol
from kpp_tf.evaluation.few_shot_protocol import PARTITIONS, few_shot
from tests.evaluation.known_model import KnownModel, batch, predictive_bounds


def test_the_curve_is_the_mean_of_those_of_the_partitions():
    asked, said = [], []

    def classes(replacement, partition):
        asked.append((replacement, partition))
        one = batch([3])
        scale = 0.2 + 0.1 * partition + 0.05 * replacement
        return [one._replace(images=one.images * scale)]

    found = few_shot(KnownModel(), classes, samples=0, say=said.append)
    assert len(set(said)) == len(asked) == 2 * PARTITIONS
    assert said[-1] == f"few_shot, with replacement, partition {PARTITIONS} of 5"
    assert sorted(set(asked)) == [
        (drawn, number) for drawn in (False, True) for number in range(PARTITIONS)
    ]
    for drawn in (False, True):
        curves = np.array(
            [
                predictive_bounds(classes(drawn, number)[0].images[0, :3].numpy())
                for number in range(PARTITIONS)
            ]
        )
        points = found["with_replacement" if drawn else "without_replacement"]
        assert [point["seen"] for point in points] == [0, 1, 2]
        values = [point["value"] for point in points]
        np.testing.assert_allclose(values, curves.mean(axis=0), rtol=1e-5)
        errors = [point["standard_error"] for point in points]
        expected = curves.std(axis=0, ddof=1) / np.sqrt(PARTITIONS)
        np.testing.assert_allclose(errors, expected, rtol=1e-3)
    assert found["samples"] == 0 and found["partitions"] == PARTITIONS


def test_the_samples_are_those_of_importance_weights(monkeypatch):
    """The known model's ln w_n is uniform in its KL: 0 to 1 above the rest."""
    monkeypatch.setattr(few_shot_protocol, "PARTITIONS", 2)
    one = [batch([3], length=3)]
    curves = [
        few_shot(KnownModel(), lambda *_: one, samples)["without_replacement"]
        for samples in (0, 600)
    ]
    exact, sampled = ([point["value"] for point in curve] for curve in curves)
    # -ln E exp(-u) in place of the mean 1/2, u even in [0, 1].
    expected = np.array(exact) - 0.5 - np.log(1 - np.exp(-1))
    np.testing.assert_allclose(sampled, expected, atol=3 * 0.29 / 600**0.5)
