// Random numbers from a seed, so that a page can be asked for the same draws again.

export class Random {
  constructor(seed) {
    this.state = seed >>> 0;
  }

  /** Even in [0, 1): a counter, mixed as murmur3 ends its hashes. */
  uniform() {
    this.state = (this.state + 0x9e3779b9) >>> 0;
    let x = this.state;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    return ((x ^ (x >>> 16)) >>> 0) / 2 ** 32;
  }

  /** N(0, 1), by Box and Muller. */
  normal() {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  normals(count, factor = 1) {
    return Float32Array.from({ length: count }, () => factor * this.normal());
  }
}
