"""The DNC's memory against hand-made cases and a float64 rewrite of its equations."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kpp_tf.models.baselines import dnc_addressing as addressing
from kpp_tf.models.baselines import dnc_memory as dnc

# The published equations, one example at a time, float64, with the sort.


def _np_content(memory, key, strength):
    norms = np.linalg.norm(memory, axis=-1) * np.linalg.norm(key)
    cosine = np.divide(memory @ key, norms, out=np.zeros(len(memory)), where=norms > 0)
    weights = np.exp(strength * (cosine - cosine.max()))
    return weights / weights.sum()


def _np_allocation(usage):
    usage = 1e-6 + (1 - 1e-6) * usage
    order = np.argsort(usage, kind="stable")
    allocation = np.zeros_like(usage)
    product = 1.0
    for slot in order:
        allocation[slot] = (1 - usage[slot]) * product
        product *= usage[slot]
    return allocation


def _np_sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _np_softplus(x):
    return np.log1p(np.exp(x))


def _np_lstm(cell, x, h, c):
    kernel, recurrent, bias = (np.float64(w) for w in cell.get_weights())
    i, f, g, o = np.split(x @ kernel + h @ recurrent + bias, 4)
    c = _np_sigmoid(f) * c + _np_sigmoid(i) * np.tanh(g)
    return _np_sigmoid(o) * np.tanh(c), c


def _np_dense(layer, x):
    kernel, bias = (np.float64(w) for w in layer.get_weights())
    return x @ kernel + bias


def _np_read_weights(layer, h, memory, link, before):
    raw = _np_dense(layer.read_head, h).reshape(layer.num_read_heads, -1)
    width = layer.slot_size
    keys, strengths = raw[:, :width], 1 + _np_softplus(raw[:, width])
    modes = np.exp(raw[:, width + 1 :])
    modes /= modes.sum(-1, keepdims=True)
    content = (_np_content(memory, *ask) for ask in zip(keys, strengths, strict=True))
    return np.stack(
        [
            mode[0] * link.T @ w + mode[1] * by_content + mode[2] * link @ w
            for mode, w, by_content in zip(modes, before, content, strict=True)
        ]
    )


def _np_write(layer, inputs):
    """One example, [T, E] -> (memory, link), straight from the Methods section."""
    slots, width, heads = layer.num_slots, layer.slot_size, layer.num_read_heads
    memory, link = np.zeros((slots, width)), np.zeros((slots, slots))
    usage, precedence, w_write = np.zeros(slots), np.zeros(slots), np.zeros(slots)
    w_read = np.zeros((heads, slots))
    h, c = np.zeros(layer.controller_size), np.zeros(layer.controller_size)
    for x in inputs:
        reads = (w_read @ memory).ravel()
        h, c = _np_lstm(layer.controller, np.concatenate([x, reads]), h, c)
        raw = _np_dense(layer.write_head, h)
        key, raw = raw[:width], raw[width:]
        erase, raw = _np_sigmoid(raw[:width]), raw[width:]
        value, raw = raw[:width], raw[width:]
        free, raw = _np_sigmoid(raw[:heads]), raw[heads:]
        strength = 1 + _np_softplus(raw[0])
        gate_allocation, gate_write = _np_sigmoid(raw[1]), _np_sigmoid(raw[2])

        retention = np.ones(slots)
        for r in range(heads):
            retention *= 1 - free[r] * w_read[r]
        usage = (usage + w_write - usage * w_write) * retention
        w_write = gate_write * (
            gate_allocation * _np_allocation(usage)
            + (1 - gate_allocation) * _np_content(memory, key, strength)
        )
        memory = memory * (1 - np.outer(w_write, erase)) + np.outer(w_write, value)
        for i in range(slots):
            for j in range(slots):
                link[i, j] = (
                    0
                    if i == j
                    else (1 - w_write[i] - w_write[j]) * link[i, j]
                    + w_write[i] * precedence[j]
                )
        precedence = (1 - w_write.sum()) * precedence + w_write
        w_read = _np_read_weights(layer, h, memory, link, w_read)
    return memory, link


def _np_read(layer, memory, link, query):
    heads = layer.num_read_heads
    w_read = np.zeros((heads, layer.num_slots))
    reads = np.zeros(heads * layer.slot_size)
    h, c = np.zeros(layer.controller_size), np.zeros(layer.controller_size)
    for _ in range(layer.read_steps):
        h, c = _np_lstm(layer.controller, np.concatenate([query, reads]), h, c)
        w_read = _np_read_weights(layer, h, memory, link, w_read)
        reads = (w_read @ memory).ravel()
    return reads


def _small_layer(input_size=5, scale=1.0):
    """A layer whose random weights are large enough to exercise every gate."""
    layer = dnc.DifferentiableNeuralComputer(
        num_slots=6, slot_size=4, num_read_heads=2, controller_size=7, read_steps=3
    )
    layer.build((None, None, input_size))
    random = np.random.default_rng(0)
    layer.set_weights(
        [scale * random.standard_normal(w.shape) for w in layer.get_weights()]
    )
    return layer


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ([0.0, 0.0, 0.0], [1.0, 0.0, 0.0]),  # all free: the first slot
        ([1.0, 1.0, 1.0], [0.0, 0.0, 0.0]),  # all taken: nowhere
        ([1.0, 0.0, 1.0], [0.0, 1.0, 0.0]),  # one free
        ([0.5, 0.5, 0.5], [0.5, 0.25, 0.125]),  # ties go by index
        # Ascending usage: slots 1, 2, 0: .8, .5 * .2, .1 * .2 * .5.
        ([0.9, 0.2, 0.5], [0.01, 0.8, 0.1]),
    ],
)
def test_allocation_of_known_cases(usage, expected):
    usage = tf.constant([usage])
    with tf.GradientTape() as tape:
        tape.watch(usage)
        got = addressing.allocation_weights(usage)
    np.testing.assert_allclose(got, [expected], atol=5e-6)
    assert np.all(np.isfinite(tape.gradient(got, usage)))


def test_allocation_equals_the_sorted_form():
    random = np.random.default_rng(1)
    usage = random.uniform(size=(20, 16))
    usage[:5] = np.round(usage[:5], 1)  # with ties and zeros
    got = addressing.allocation_weights(tf.constant(usage, tf.float32))
    expected = [_np_allocation(np.float64(np.float32(u))) for u in usage]
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_links_follow_the_order_of_sharp_writes():
    # Slots written in the order 2, 0, 1: forward from 2 is 0, from 0 is 1.
    link, precedence = tf.zeros([1, 3, 3]), tf.zeros([1, 3])
    for slot in (2, 0, 1):
        link, precedence = addressing.updated_link(
            link, precedence, tf.one_hot([slot], 3)
        )
    expected = np.zeros((3, 3))
    expected[0, 2] = expected[1, 0] = 1
    np.testing.assert_allclose(link[0], expected)
    np.testing.assert_allclose(precedence, [[0, 1, 0]])

    memory = tf.eye(3)[tf.newaxis]
    at_zero = tf.one_hot([[0]], 3)  # one head, at slot 0
    for mode, slot in ((0, 2), (2, 1)):  # backward, forward
        interface = addressing.ReadInterface(
            tf.zeros([1, 1, 3]), tf.ones([1, 1]), tf.one_hot([[mode]], 3)
        )
        weights = addressing.read_weighting(memory, link, at_zero, interface)
        np.testing.assert_allclose(weights[0, 0], np.eye(3)[slot])
        np.testing.assert_allclose(
            addressing.read_vectors(memory, weights)[0], np.eye(3)[slot]
        )


def test_write_and_read_match_the_equations():
    layer = _small_layer()
    random = np.random.default_rng(3)
    inputs = random.standard_normal((2, 9, 5))
    queries = random.standard_normal((2, 4, 5))
    written = layer(tf.constant(inputs, tf.float32))
    reads = layer.read(written, tf.constant(queries, tf.float32))
    for b in range(2):
        memory, link = _np_write(layer, inputs[b])
        # Rounding errors decide the order of equal slots: memories are equal up to
        # a permutation of slots, reads are equal.
        names, got_names = np.argsort(memory[:, 0]), np.argsort(written.memory[b, :, 0])
        np.testing.assert_allclose(
            written.memory[b].numpy()[got_names], memory[names], rtol=1e-4, atol=1e-4
        )
        np.testing.assert_allclose(
            written.link[b].numpy()[np.ix_(got_names, got_names)],
            link[np.ix_(names, names)],
            rtol=1e-4,
            atol=1e-4,
        )
        expected = [_np_read(layer, memory, link, q) for q in queries[b]]
        np.testing.assert_allclose(reads[b], expected, rtol=1e-3, atol=1e-3)


def test_a_fresh_layer_gives_every_frame_a_slot():
    keras.utils.set_random_seed(0)
    layer = dnc.DifferentiableNeuralComputer(
        num_slots=8, slot_size=4, num_read_heads=4, controller_size=16, read_steps=2
    )
    written = layer(tf.random.stateless_normal([1, 8, 5], seed=[1, 2]))
    link = written.link[0].numpy()
    # From the first slot, which follows none, forward through the links: every slot.
    slot = int(np.argmin(link.sum(axis=1)))
    visited = [slot]
    for _ in range(7):
        slot = int(np.argmax(link[:, slot]))
        assert link[slot, visited[-1]] > 0.4
        visited.append(slot)
    assert sorted(visited) == list(range(8))


@pytest.mark.parametrize("jit_compile", [False, True])
def test_gradients_are_finite_in_a_compiled_step(jit_compile):
    layer = _small_layer(scale=2.0)

    @tf.function(jit_compile=jit_compile)
    def gradients(inputs, mask):
        with tf.GradientTape() as tape:
            written = layer(inputs, mask)
            loss = tf.reduce_sum(tf.square(layer.read(written, inputs)))
        return loss, tape.gradient(loss, layer.trainable_variables)

    random = np.random.default_rng(5)
    inputs = random.standard_normal((3, 32, 5)).astype(np.float32)
    inputs[1] = 1.0  # a constant episode
    mask = np.ones((3, 32), np.float32)
    mask[2] = 0  # nothing but padding
    loss, gradient = gradients(tf.constant(inputs), tf.constant(mask))
    assert np.isfinite(loss)
    assert all(g is not None and np.all(np.isfinite(g)) for g in gradient)
    assert any(np.any(np.abs(g) > 0) for g in gradient)
