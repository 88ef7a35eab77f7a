"""What stands where in the JSON."""

import tensorflow as tf

from kpp_tf.evaluation import bounds, measure
from kpp_tf.evaluation.predictive import predictive
from tests.evaluation.known_model import BATCHES, KnownModel


class Sized(KnownModel):
    memory_floats = 12

    def write(self, episode, mask=None, written=None):
        mask = tf.ones(tf.shape(episode)[:2]) if mask is None else mask
        return super().write(episode, mask, written)


def _measure(*quantities, **material):
    told = []
    material = measure.Material(BATCHES, BATCHES[:1], length=4, **material)
    results = measure.measure(Sized(), material, quantities, told.append)
    return results, told


def test_bounds_stand_beside_their_terms_and_the_curve():
    results, told = _measure("swapped", "stored", "predictive", "unseen")
    assert told == ["stored", "unseen", "predictive", "swapped"]
    for name in ("stored", "unseen", "swapped"):
        alone = getattr(bounds, name)(KnownModel(), BATCHES)
        assert results["terms"][name] == alone.pop("terms")
        assert results[name] == alone
    alone = predictive(KnownModel(), BATCHES)
    assert results["predictive_curve"] == alone.pop("curve")
    assert results["predictive"] == alone
    assert results["memory_floats_per_image"] == 3
    assert results["memory_bits_per_image"] == 4 * 32 / 4  # as it is written
    assert results["capacity"] is None


def test_importance_weights_are_of_the_few_episodes():
    results, _ = _measure("importance_weighted", num_samples=3)
    found = results["importance_weighted"]
    assert found["value"] == bounds.stored(KnownModel(), BATCHES[:1], 3)["value"]
    unseen = bounds.unseen(KnownModel(), BATCHES[:1], 3)
    assert found["unseen"] == unseen and found["samples"] == 3
    assert found["predictive"]["images"] == 12
    assert results["terms"] == {}


def test_what_a_model_cannot_give_is_none():
    results, _ = _measure("nudge", "scale_sweep", "samples")  # no keys, no classifier
    assert results["nudge"] is results["scale_sweep"] is results["samples"] is None
