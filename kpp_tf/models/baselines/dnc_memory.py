"""The memory of a differentiable neural computer (DNC), batched, with its controller.

The layer joins the equations of `dnc_addressing.py` with an LSTM controller and steps
through an episode.

References:
  * Graves et al. Hybrid computing using a neural network with dynamic external
    memory. Nature 538, 2016.
"""

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from kpp_tf.models.baselines import dnc_addressing as addressing
from kpp_tf.models.baselines.dnc_addressing import ReadInterface

# Initial biases of the heads. With zeros, a write would spread over all slots and a
# read return nearly their mean. With these, a fresh memory writes each frame to a free
# slot, releases none and reads by content: gates start at 0.95, the content mode at
# 0.91, strengths at 6.
_LIKELY, _SHARP = 3.0, 5.0


class AccessState(NamedTuple):
    """The state between two steps of writing; all float32.

    Attributes:
      memory: [B, N, W], the slots.
      link: [B, N, N]; link[i, j] near 1 where slot i was written right after slot j.
      usage: [B, N] in [0, 1], 1 for a slot that is taken.
      precedence: [B, N], the weight of each slot as the last one written.
      write_weights: [B, N], of the last step.
      read_weights: [B, R, N], of the last step.
    """

    memory: tf.Tensor
    link: tf.Tensor
    usage: tf.Tensor
    precedence: tf.Tensor
    write_weights: tf.Tensor
    read_weights: tf.Tensor


class WrittenMemory(NamedTuple):
    """The memory of an episode; all float32.

    Attributes:
      memory: [B, N, W], the slots.
      link: [B, N, N], the order of writing.
    """

    memory: tf.Tensor
    link: tf.Tensor


class WriteInterface(NamedTuple):
    """What the controller asks of the write head.

    Attributes:
      key: [B, W].
      strength: [B], at least 1.
      erase: [B, W] in [0, 1].
      value: [B, W].
      free_gates: [B, R] in [0, 1], which reads release the slot they read.
      allocation_gate: [B] in [0, 1]: 1 takes a free slot, 0 the slot found by content.
      write_gate: [B] in [0, 1]; 0 writes nothing.
    """

    key: tf.Tensor
    strength: tf.Tensor
    erase: tf.Tensor
    value: tf.Tensor
    free_gates: tf.Tensor
    allocation_gate: tf.Tensor
    write_gate: tf.Tensor


class DifferentiableNeuralComputer(keras.layers.Layer):
    """Writes an episode step by step; answers queries from what it wrote.

    Writing is the DNC as published: at every step the LSTM controller sees the input
    and the last reads, and its output sets the write and read heads. The memory of an
    episode is its slots and their links, `N * W + N * N` floats. Queries start from a
    fresh controller and write nothing, so that they do not depend on each other: the
    first step finds slots by content, and each further step may follow the links from
    there, forward or backward.

    Runs in float32 under every dtype policy: products of many gates lose too much in
    half precision.

    Example (8 episodes of 32 embeddings of 256 numbers, 32 slots of 64):

    >>> dnc = DifferentiableNeuralComputer(32, 64, 4, controller_size=256, read_steps=2)
    >>> written = dnc(embeddings, mask)              # [8, 32, 64] and [8, 32, 32]
    >>> reads = dnc.read(written, queries)           # [8, 32, 4 * 64]

    Args:
      num_slots: N.
      slot_size: W.
      num_read_heads: R.
      controller_size: units of the LSTM.
      read_steps: steps of each query.
    """

    def __init__(
        self,
        num_slots: int,
        slot_size: int,
        num_read_heads: int,
        controller_size: int,
        read_steps: int,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.num_slots = num_slots
        self.slot_size = slot_size
        self.num_read_heads = num_read_heads
        self.controller_size = controller_size
        self.read_steps = read_steps
        self.controller = keras.layers.LSTMCell(
            controller_size, dtype="float32", name="controller"
        )
        one_read = [*[0.0] * slot_size, _SHARP, 0.0, _LIKELY, 0.0]
        self.read_head = _head("read_head", one_read * num_read_heads)
        gates = [*[-_LIKELY] * num_read_heads, _SHARP, _LIKELY, _LIKELY]
        self.write_head = _head("write_head", [*[0.0] * 3 * slot_size, *gates])

    def build(self, input_shape: tuple[int, ...]) -> None:
        reads = self.num_read_heads * self.slot_size
        self.controller.build((None, input_shape[-1] + reads))
        self.read_head.build((None, self.controller_size))
        self.write_head.build((None, self.controller_size))

    def call(
        self, inputs: tf.Tensor, frame_mask: tf.Tensor | None = None
    ) -> WrittenMemory:
        """Writes `inputs` one after another.

        Args:
          inputs: float [B, T, E].
          frame_mask: [B, T], 1 for a real frame, 0 for padding, which leaves memory,
            links and controller as they were. None: all real.

        Returns:
          The memory, for `read`.
        """
        inputs = tf.cast(inputs, tf.float32)
        batch, length = tf.shape(inputs)[0], tf.shape(inputs)[1]
        if frame_mask is None:
            frame_mask = tf.ones([batch, length])
        real = tf.cast(frame_mask, tf.float32) > 0

        def body(
            step: tf.Tensor, access: AccessState, controller: list[tf.Tensor]
        ) -> tuple[tf.Tensor, AccessState, list[tf.Tensor]]:
            new_access, new_controller = self._step(inputs[:, step], access, controller)
            frame = real[:, step]

            def keep(new: tf.Tensor, old: tf.Tensor) -> tf.Tensor:
                shape = [-1] + [1] * (new.shape.rank - 1)
                return tf.where(tf.reshape(frame, shape), new, old)

            access = tf.nest.map_structure(keep, new_access, access)
            controller = tf.nest.map_structure(keep, new_controller, controller)
            return step + 1, access, controller

        _, access, _ = tf.while_loop(
            lambda step, *_: step < length,
            body,
            (0, self._fresh_access(batch), self._fresh_controller(batch)),
            maximum_iterations=length,
        )
        return WrittenMemory(access.memory, access.link)

    def read(self, written: WrittenMemory, queries: tf.Tensor) -> tf.Tensor:
        """Answers queries, independent of each other.

        Args:
          written: a memory with batch size B.
          queries: float [B, Q, E], with E as for the inputs.

        Returns:
          float32 [B, Q, R * W], the last step's reads.
        """
        memory, link = written
        queries = tf.cast(queries, tf.float32)
        batch, num_queries = tf.shape(queries)[0], tf.shape(queries)[1]
        rows = batch * num_queries
        flat = tf.reshape(queries, [rows, queries.shape[-1]])
        heads, width = self.num_read_heads, self.slot_size
        reads = tf.zeros([rows, heads * width])
        weights = tf.zeros([batch, num_queries, heads, self.num_slots])
        states = self._fresh_controller(rows)
        for _ in range(self.read_steps):
            output, states = self.controller(tf.concat([flat, reads], -1), states)
            interface = self._read_interface(output)
            interface = ReadInterface(
                *(tf.reshape(x, [batch, num_queries, *x.shape[1:]]) for x in interface)
            )
            weights = addressing.read_weighting(memory, link, weights, interface)
            reads = tf.reshape(
                addressing.read_vectors(memory, weights), [rows, heads * width]
            )
        return tf.reshape(reads, [batch, num_queries, heads * width])

    def _step(
        self, inputs: tf.Tensor, access: AccessState, controller: list[tf.Tensor]
    ) -> tuple[AccessState, list[tf.Tensor]]:
        """One step of writing: controller, write, link, read."""
        reads = addressing.read_vectors(access.memory, access.read_weights)
        output, controller = self.controller(tf.concat([inputs, reads], -1), controller)
        ask = self._write_interface(output)
        usage = addressing.updated_usage(
            access.usage, access.write_weights, access.read_weights, ask.free_gates
        )
        weights = addressing.write_weighting(
            addressing.content_weights(access.memory, ask.key, ask.strength),
            addressing.allocation_weights(usage),
            ask.allocation_gate,
            ask.write_gate,
        )
        memory = addressing.written_memory(access.memory, weights, ask.erase, ask.value)
        link, precedence = addressing.updated_link(
            access.link, access.precedence, weights
        )
        read_weights = addressing.read_weighting(
            memory, link, access.read_weights, self._read_interface(output)
        )
        access = AccessState(memory, link, usage, precedence, weights, read_weights)
        return access, list(controller)

    def _read_interface(self, output: tf.Tensor) -> ReadInterface:
        heads = self.num_read_heads
        raw = tf.reshape(self.read_head(output), [-1, heads, self.slot_size + 4])
        keys, strengths, modes = tf.split(raw, [self.slot_size, 1, 3], axis=-1)
        return ReadInterface(
            keys, _oneplus(strengths[..., 0]), tf.nn.softmax(modes, axis=-1)
        )

    def _write_interface(self, output: tf.Tensor) -> WriteInterface:
        width = self.slot_size
        key, erase, value, free_gates, scalars = tf.split(
            self.write_head(output),
            [width, width, width, self.num_read_heads, 3],
            axis=-1,
        )
        return WriteInterface(
            key=key,
            strength=_oneplus(scalars[:, 0]),
            erase=tf.sigmoid(erase),
            value=value,
            free_gates=tf.sigmoid(free_gates),
            allocation_gate=tf.sigmoid(scalars[:, 1]),
            write_gate=tf.sigmoid(scalars[:, 2]),
        )

    def _fresh_access(self, batch: tf.Tensor) -> AccessState:
        slots = self.num_slots
        return AccessState(
            memory=tf.zeros([batch, slots, self.slot_size]),
            link=tf.zeros([batch, slots, slots]),
            usage=tf.zeros([batch, slots]),
            precedence=tf.zeros([batch, slots]),
            write_weights=tf.zeros([batch, slots]),
            read_weights=tf.zeros([batch, self.num_read_heads, slots]),
        )

    def _fresh_controller(self, batch: tf.Tensor) -> list[tf.Tensor]:
        return [tf.zeros([batch, self.controller_size]) for _ in range(2)]


def _head(name: str, bias: list[float]) -> keras.layers.Dense:
    """A linear layer to `len(bias)` numbers, with `bias` as its initial bias."""

    def initial_bias(shape: tuple[int, ...], dtype: Any = None) -> tf.Tensor:
        return tf.constant(bias, dtype, shape)

    return keras.layers.Dense(
        len(bias), bias_initializer=initial_bias, dtype="float32", name=name
    )


def _oneplus(x: tf.Tensor) -> tf.Tensor:
    """1 + ln(1 + e^x): a strength of at least 1."""
    return 1.0 + tf.nn.softplus(x)
