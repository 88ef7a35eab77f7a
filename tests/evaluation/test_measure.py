"""What stands where in the JSON."""

import pytest
import tensorflow as tf

from kpp_tf.errors import UserError
from kpp_tf.evaluation import bounds, measure
from kpp_tf.evaluation.predictive import predictive
from tests.evaluation.known_model import BATCHES, KnownModel, batch


class Sized(KnownModel):
    memory_floats = 12

    def write(self, episode, mask=None, written=None):
        mask = tf.ones(tf.shape(episode)[:2]) if mask is None else mask
        return super().write(episode, mask, written)


def _measure(*quantities, **material):
    said = []
    material = measure.Material(BATCHES, BATCHES[:1], length=4, **material)
    *_, results = measure.measure(Sized(), material, quantities, said.append)
    return results, said


def test_bounds_stand_beside_their_terms_and_the_curve():
    results, said = _measure("swapped", "stored", "predictive", "unseen", "empty")
    assert said == ["stored", "unseen", "empty", "predictive", "swapped"]
    for name in ("stored", "unseen", "empty", "swapped"):
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


def test_results_come_one_by_one_and_are_not_measured_again():
    material = measure.Material(BATCHES, BATCHES[:1], length=4)
    wanted = ("stored", "predictive", "held_curve")
    found = list(measure.measure(Sized(), material, wanted))
    done = [[name for name in wanted if name in results] for results in found]
    assert done == [[], ["stored"], ["stored", "predictive"], list(wanted)]
    assert found[-1]["held_curve"] == bounds.held_curve(KnownModel(), BATCHES)
    said = []
    again = measure.measure(Sized(), material, wanted, said.append, found[1])
    assert list(again)[-1] == found[-1] and said == list(wanted[1:])


def _impossible(batches, *quantities):
    material = measure.Material(batches, batches, length=4)
    return set(measure.impossible(material, quantities))


def test_quantities_that_lack_episodes_are_known_before():
    assert _impossible(BATCHES, *measure.QUANTITIES) == set()
    assert _impossible([batch([4]), batch([3, 0])], "stored", "swapped") == {"swapped"}
    assert _impossible([batch([3]), batch([3, 3])], "swapped") == set()
    assert _impossible(BATCHES[:1], *measure.QUANTITIES) == {"samples"}
    assert _impossible([BATCHES[0], batch([3, 2])], "samples") == {"samples"}
    pairs = [batch([3, 2]), *BATCHES]  # whole ones are not next to each other in a pair
    assert _impossible(pairs, "samples") == {"samples"}


@pytest.mark.parametrize(
    ("quantities", "batches", "said"),
    [
        (("stored", "taste"), BATCHES, r"Received: \['taste'\]"),
        (("stored",), [], "holds no image"),
        (("stored",), [batch([0, 0])], "holds no image"),
    ],
)
def test_unknown_quantities_and_empty_splits_are_refused(quantities, batches, said):
    with pytest.raises(UserError, match=said):
        _impossible(batches, *quantities)
