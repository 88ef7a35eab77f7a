"""Omniglot at 28x28 as Burda et al. (2016) made it, as a TFDS data set."""
