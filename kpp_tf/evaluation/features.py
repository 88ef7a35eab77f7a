"""A small classifier, whose features measure the quality of samples."""

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import keras
import ml_collections
import numpy as np
import tensorflow as tf

from kpp_tf import files
from kpp_tf.data import (
    Episodes,
    ImageTable,
    evaluation_episodes,
    load_images,
    training_episodes,
)
from kpp_tf.errors import UserError

FEATURES = 64
BATCH = 128
# The share of labelled images that gives the accuracy.
HELD_OUT = 0.1


@dataclasses.dataclass(frozen=True)
class FeatureSpace:
    """The last hidden layer of a classifier.

    Attributes:
      network: images [N, H, W, C] in [0, 1] to (features [N, 64], logits [N, classes]).
      accuracy: share of held-out images of the training classes classified rightly.
      about: the classifier's data, classes, steps and seed.
    """

    network: keras.Model
    accuracy: float
    about: dict

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Features of images [N, H, W, C] in [0, 1]: float64 [N, 64]."""
        features = [
            self.network(images[first : first + 500])[0].numpy()
            for first in range(0, len(images), 500)
        ]
        return np.concatenate(features).astype(np.float64)

    def classes(self, images: np.ndarray) -> np.ndarray:
        """The likeliest class of images [N, H, W, C] in [0, 1]: int [N]."""
        return np.concatenate(
            [
                self.network(images[first : first + 500])[1].numpy().argmax(axis=-1)
                for first in range(0, len(images), 500)
            ]
        )


def label_data(data_config: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
    """The labelled data of the classifier for images of `data_config`.

    That is the data set itself (Omniglot: characters of the training alphabets), except
    for Larochelle's binarized MNIST, which has no labels. Its source MNIST takes its
    place, binarized anew each time an image is seen.
    """
    data = ml_collections.ConfigDict(data_config.to_dict())
    if data.name == "binarized_mnist":
        data.name, data.binarize = "mnist", "dynamic"
    # Images, not episodes: one batch is one "episode".
    data.episode_length, data.episodes_per_batch = BATCH, 1
    data.episode_lengths = ()
    data.grouping, data.augment = "uniform", ()
    return data


def load_or_train(
    data_config: ml_collections.ConfigDict,
    folder: str | Path,
    data_dir: str | None = None,
    *,
    steps: int = 1500,
    seed: int = 0,
    progress: Callable[[str], None] = lambda line: None,
) -> FeatureSpace:
    """The feature space for a data set; its classifier is trained unless it is stored.

    Args:
      data_config: `config.data` of the model to judge.
      folder: of stored classifiers.
      data_dir: folder of prepared data sets.
      steps: of Adam, 128 images each.
      seed: of the initial weights, the order of the images and the held-out ones.
      progress: takes lines for the user.
    """
    data = label_data(data_config)
    table = load_images(data, "train", data_dir)
    classes = len(np.unique(table.group_labels("class")))
    about = {
        "data": data.name,
        "binarize": data.binarize,
        "image_shape": list(table.image_shape),
        "classes": classes,
        "steps": steps,
        "seed": seed,
    }
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:8]
    stem = Path(folder) / f"classifier_{table.name}_{digest}"
    weights, record = Path(f"{stem}.weights.h5"), Path(f"{stem}.json")
    network = _network(table.image_shape, classes, seed)
    if record.exists():
        try:
            network.load_weights(weights)
            accuracy = float(files.read_json(record, "accuracy")["accuracy"])
        except (OSError, ValueError, TypeError) as error:
            raise UserError(
                "the classifier cannot be read; remove both of its files to train it "
                f"again. Received: {stem}.*: {error}"
            ) from error
        progress(f"Took the classifier {weights}, accuracy {accuracy:.3f}")
        return FeatureSpace(network, accuracy, about)
    progress(f"Training a classifier of {data.name}, {steps} steps")
    accuracy = train(network, table, data, steps=steps, seed=seed)
    with files.replacing(weights) as temporary:
        network.save_weights(temporary)
    files.write_json(record, {**about, "accuracy": accuracy})
    progress(f"Wrote the classifier {weights}, accuracy {accuracy:.3f}")
    return FeatureSpace(network, accuracy, about)


def train(
    network: keras.Model,
    table: ImageTable,
    data_config: ml_collections.ConfigDict,
    *,
    steps: int,
    seed: int,
) -> float:
    """Trains the classifier on nine tenths of a table; accuracy on the rest.

    Args:
      network: of `load_or_train`.
      table: labelled images.
      data_config: of `label_data`.
      steps: of Adam.
      seed: of the order of the images and of the held-out ones.
    """
    order = np.random.default_rng(seed).permutation(len(table))
    count = max(1, int(HELD_OUT * len(table)))
    held_out, kept = _rows(table, order[:count]), _rows(table, order[count:])
    _, classes = np.unique(table.group_labels("class"), return_inverse=True)

    def labelled(
        rows: np.ndarray,
    ) -> Callable[[Episodes], tuple[tf.Tensor, tf.Tensor]]:
        labels = tf.constant(classes[rows], tf.int32)
        return lambda batch: (batch.images[0], tf.gather(labels, batch.index[0]))

    schedule = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    optimizer = keras.optimizers.Adam(schedule)
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    @tf.function
    def step(images: tf.Tensor, labels: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            loss = loss_of(labels, network(images, training=True)[1])
        weights = network.trainable_variables
        optimizer.apply(
            tape.gradient(loss, [weight.value for weight in weights]), weights
        )

    batches = training_episodes(kept, data_config, seed=seed)
    for images, labels in batches.map(labelled(order[count:])).take(steps):
        step(images, labels)

    right = 0
    dataset = evaluation_episodes(
        held_out, data_config, episodes_per_batch=1, seed=seed
    )
    wanted = classes[order[:count]]
    for batch in dataset:
        index, real = batch.index[0].numpy(), batch.mask[0].numpy() > 0
        guesses = network(batch.images[0])[1].numpy().argmax(axis=-1)
        right += int(np.sum(guesses[real] == wanted[index[real]]))
    return right / count


def _network(image_shape: tuple[int, ...], classes: int, seed: int) -> keras.Model:
    """Two strided convolutions, a hidden layer of features, logits."""

    def initial(number: int) -> keras.initializers.Initializer:
        return keras.initializers.HeNormal(seed=1000 * seed + number)

    images = keras.Input(image_shape)
    x = images
    for number, (width, kernel) in enumerate([(32, 5), (64, 3)]):
        x = keras.layers.Conv2D(
            width,
            kernel,
            strides=2,
            padding="same",
            activation="relu",
            kernel_initializer=initial(number),
        )(x)
    x = keras.layers.Flatten()(x)
    features = keras.layers.Dense(
        FEATURES, activation="relu", kernel_initializer=initial(2)
    )(x)
    logits = keras.layers.Dense(classes, kernel_initializer=initial(3))(features)
    return keras.Model(images, [features, logits])


def _rows(table: ImageTable, rows: np.ndarray) -> ImageTable:
    assert table.labels is not None, "a classifier learns from labels"
    return dataclasses.replace(
        table,
        images=table.images[rows],
        labels=table.labels[rows],
        groups={name: labels[rows] for name, labels in table.groups.items()},
    )
