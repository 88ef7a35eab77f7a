"""Trains the tiny model for some steps under a strategy and saves its weights.

python -m tests.training.run_steps OUT STRATEGY NUM_CPUS STEPS
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from kpp_tf.training.devices import strategies
from kpp_tf.training.trainer import Trainer
from tests.training import tiny


def main(out: str, name: str, num_cpus: str, steps: str) -> None:
    strategy = strategies.make_strategy(name, int(num_cpus))
    config = tiny.config(steps=50, ema_decay=0.9, clip_norm=0.5)
    trainer = Trainer(config, tiny.table(), strategy)
    # A residual branch whose gain starts at 0 has gradients as small as rounding
    # errors, which Adam would make as large as any other.
    for weight in trainer.model.weights:
        if weight.path.endswith("second_norm/gamma"):
            weight.assign(np.full(weight.shape, 0.5, np.float32))
    rows, _ = trainer.train(int(steps))
    results = trainer.evaluate(tiny.table(30, "test"))
    weights = [weight.numpy() for weight in trainer.model.weights]
    averages = [average.numpy() for average in trainer.average.averages]
    np.savez(
        out,
        metrics=rows,
        results=np.array([results[name] for name in sorted(results)]),
        weights=np.concatenate([w.ravel() for w in weights]),
        averages=np.concatenate([w.ravel() for w in averages]),
    )
    strategies.wait_for_all(strategy)


if __name__ == "__main__":
    main(*sys.argv[1:])
