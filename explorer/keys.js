// Keys in R^3, and what they point at: the reader of the model, in closed form.
//
// kpp_tf/layers/block_memory/reader.py has the formulas and their reasons.

const LINEAR = 1.5976;
const CUBIC = 0.070566;
const EDGE = 1e-4; // places end here before the borders, where keys are infinite

/** Phi(y), as the model has it: the share of the memory's side that a key points at. */
export function share(y) {
  return 1 / (1 + Math.exp(-y * (LINEAR + CUBIC * y * y)));
}

/** The exact inverse of `share`. */
export function quantile(u) {
  const inside = clip(u, EDGE, 1 - EDGE);
  const r = Math.sqrt(LINEAR / CUBIC / 3);
  const q = Math.log(inside / (1 - inside)) / (2 * CUBIC * r ** 3);
  return 2 * r * Math.sinh(Math.asinh(q) / 3);
}

export function clip(value, low, high) {
  return Math.min(high, Math.max(low, value));
}

/** Where the pointer is: x and y in [0, 1], and breadth, from 0 (one block) to 1 (all). */
export class Reader {
  constructor({ grid, finest, low, high }) {
    Object.assign(this, { grid, finest, low, high });
  }

  /** The key [scale, x, y] of a pointer. At the ends the scale is their median. */
  key({ x, y, breadth }) {
    let scale = this.low + breadth * (this.high - this.low);
    if (breadth <= 0) scale = this.low / 2;
    if (breadth >= 1) scale = (1 + this.high) / 2;
    return [quantile(scale), quantile(x), quantile(y)];
  }

  /** The pointer of a key. */
  pointer([scale, x, y]) {
    const along = (share(scale) - this.low) / (this.high - this.low);
    return { x: share(x), y: share(y), breadth: clip(along, 0, 1) };
  }

  /** Width of the window, in blocks. */
  width(breadth) {
    return this.finest * ((2 * this.grid) / this.finest) ** breadth;
  }

  /** The pointer at the middle of a block, at the finest window. */
  centre(block) {
    const column = block % this.grid;
    const row = Math.floor(block / this.grid);
    return {
      x: (column + 0.5) / this.grid,
      y: (row + 0.5) / this.grid,
      breadth: 0,
    };
  }

  /** The number of the block under a pointer, row by row. */
  block({ x, y }) {
    const along = (u) => Math.min(this.grid - 1, Math.floor(u * this.grid));
    return along(y) * this.grid + along(x);
  }
}
