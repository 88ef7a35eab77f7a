"""Scores an image at several keys at once, not knowing which one is right."""

from collections.abc import Sequence

import tensorflow as tf

from kpp_tf.models.elbo import Elbo
from kpp_tf.models.kanerva_plus_plus.keys import KeyFamily, Region


def mixture(
    family: KeyFamily,
    regions: Sequence[Region],
    keys: Sequence[tf.Tensor],
    elbos: Sequence[Elbo],
) -> Elbo:
    """Terms of a bound of ln p(x|M) that sums over candidate regions of the keys.

    Each of C regions has a density q_c, a key y_c drawn from it, a sample z_c at that
    key and its score l_c = ln p(x|z_c) - ln q(z_c) / p(z_c|M, y_c). Then

        -ln p(x|M) <= E[-ln sum_c exp(l_c) p(y_c) / sum_c' q_c'(y_c)],

    because the sum is an unbiased estimate of p(x|M), or of the part of it that the
    regions hold; they may overlap. Where they do not, no choice among them costs less
    than the sum. Its terms are reported as if a posterior over c chose, with r_c
    proportional to the c-th summand; the KL of c is in `kl_keys`.

    References: Veach, Guibas, "Optimally combining sampling techniques for Monte Carlo
    rendering", SIGGRAPH 1995 (the balance heuristic); Bornschein et al., "Variational
    memory addressing in generative models", NeurIPS 2017 (the sum over addresses).

    Args:
      family: of the key posterior.
      regions: C candidates.
      keys: a draw [B, T, K, 3] from each.
      elbos: terms [B, T] at those keys, the KL of the latents estimated at the sample
        (`analytic=False`); their `kl_keys` is not used.
    """
    scores, costs = [], []
    for c, (drawn, elbo) in enumerate(zip(keys, elbos, strict=True)):
        ratios = [
            # At its own draws a region's density needs no test of being inside.
            family.kl(region, drawn, analytic=False)
            if other == c
            else family.log_ratio(region, drawn)
            for other, region in enumerate(regions)
        ]
        costs.append(tf.reduce_logsumexp(ratios, axis=0))
        scores.append(elbo.log_likelihood - elbo.kl_latents - costs[-1])
    log_shares = tf.nn.log_softmax(tf.stack(scores), axis=0)
    shares = tf.exp(log_shares)

    def mean(terms: Sequence[tf.Tensor]) -> tf.Tensor:
        return tf.reduce_sum(tf.math.multiply_no_nan(tf.stack(terms), shares), axis=0)

    return Elbo(
        log_likelihood=mean([elbo.log_likelihood for elbo in elbos]),
        kl_latents=mean([elbo.kl_latents for elbo in elbos]),
        kl_keys=mean(tf.unstack(tf.stack(costs) + log_shares)),
        kl_memory=tf.zeros_like(scores[0]),
    )
