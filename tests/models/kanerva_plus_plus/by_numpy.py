"""What the parts of K++ compute, again, in loops and float64."""

import numpy as np
from scipy import optimize, special


def cdf(y):
    """Page's formula, as `normal_cdf` documents it."""
    y = np.float64(y)
    return special.expit(1.5976 * y + 0.070566 * y**3)


def key_of(place):
    """The coordinate y with Phi(y) = place, by bisection."""
    return optimize.brentq(lambda y: cdf(y) - place, -30, 30, xtol=1e-14)


def breadth(scales, low, high):
    return np.clip((cdf(scales) - low) / (high - low), 0, 1)


def widths(scales, grid, finest, low, high):
    return finest * (2 * grid / finest) ** breadth(scales, low, high)


def shares(place, width, grid):
    """Lengths that a window has in common with each block, over its own: [G]."""
    centre = grid * place - 0.5
    block = np.arange(grid)
    end = np.minimum(centre + width / 2, block + 0.5)
    start = np.maximum(centre - width / 2, block - 0.5)
    return np.maximum(end - start, 0) / width


def read(cells, coverage, keys, block, finest, low, high):
    """Blocks [B, T, K, P, P, D] and what of them is covered [B, T, K, P, P]."""
    cells, coverage, keys = map(np.float64, (cells, coverage, keys))
    grid, depth = cells.shape[1] // block, cells.shape[-1]
    blocks = np.zeros((*keys.shape[:3], block, block, depth))
    covered = np.zeros(blocks.shape[:-1])
    for index in np.ndindex(*keys.shape[:3]):
        s, x, y = keys[index]
        width = widths(s, grid, finest, low, high)
        weights = np.outer(shares(cdf(y), width, grid), shares(cdf(x), width, grid))
        for i, j in np.ndindex(block, block):
            part = weights * coverage[index[0], i::block, j::block]
            covered[(*index, i, j)] = part.sum()
            if part.sum() > 0:
                values = cells[index[0], i::block, j::block]
                total = np.einsum("rc,rcd->d", part, values)
                blocks[(*index, i, j)] = total / part.sum()
    return blocks, np.minimum(covered, 1)


def allocate(places, written, free, grid):
    """Numbers of the blocks [B, T] of places [B, T, 2], one frame after the other."""
    numbers = np.full(places.shape[:2], -1)
    for b in range(len(places)):
        empty = {n for n in range(grid**2) if free[b][n]}
        for t in range(places.shape[1]):
            if not written[b][t]:
                continue
            x, y = np.float64(places[b, t])

            def far(n, x=x, y=y):
                row, column = divmod(n, grid)
                return np.hypot((column + 0.5) / grid - x, (row + 0.5) / grid - y)

            chosen = min(sorted(empty) or range(grid**2), key=far)
            empty.discard(chosen)
            numbers[b, t] = chosen
    return numbers


def write(contents, blocks, grid, side, depth):
    """Cells and coverage of contents [B, T, K, P*P*D] at blocks int [B, T, K]."""
    batch, size = len(contents), grid * side
    cells = np.zeros((batch, size, size, depth))
    coverage = np.zeros((batch, size, size))
    for b, t, k in np.ndindex(*blocks.shape):
        if blocks[b, t, k] < 0:
            continue
        row, column = np.array(divmod(blocks[b, t, k], grid)) * side
        part = (b, slice(row, row + side), slice(column, column + side))
        cells[part] = np.reshape(contents[b, t, k], (side, side, depth))
        coverage[part] = 1
    return cells, coverage


def gaussian_kl(mean, stddev, prior_mean, prior_stddev):
    m, s, pm, ps = (np.float64(x) for x in (mean, stddev, prior_mean, prior_stddev))
    return np.sum(np.log(ps / s) + (s**2 + (m - pm) ** 2) / (2 * ps**2) - 0.5, -1)
