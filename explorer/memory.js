// A memory that is being written: its cells, the images it was written from, and the
// way back.

import { PageError } from './errors.js';
import { readNpz, writeNpz } from './npz.js';

const STEPS_BACK = 100;

/** What is in the memory now, and what was before. */
export class MemoryBook {
  #past = [];

  constructor(model) {
    this.model = model;
    this.memory = model.emptyMemory();
    this.images = []; // {number, values, blocks}: those that were written here
    this.number = 0;
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  /** How many of the blocks are written, and how many there are. */
  get fullness() {
    const covered = this.#blocks((block) => this.covers(block));
    return { written: covered.filter(Boolean).length, all: covered.length };
  }

  /** Whether a block is written. */
  covers(block) {
    return this.#numbers(this.memory.coverage, block).some((share) => share > 0);
  }

  /**
   * Writes an image.
   *
   * @return {Promise<{entry: Object, forgotten: Object[]}>} the image's entry, and the
   *   entries whose blocks it took.
   */
  async write(values) {
    const memory = await this.model.write(this.memory, values);
    const blocks = this.changed(this.memory, memory);
    const entry = { number: this.number + 1, values, blocks };
    const taken = (other) => other.blocks.some((block) => blocks.includes(block));
    const forgotten = this.images.filter(taken);
    this.#keep();
    this.number++;
    this.memory = memory;
    this.images = [...this.images.filter((other) => !taken(other)), entry];
    return { entry, forgotten };
  }

  clear() {
    this.#keep();
    this.memory = this.model.emptyMemory();
    this.images = [];
  }

  undo() {
    Object.assign(this, this.#past.pop());
  }

  /** The memory as a file that kpp_tf's Memory.load reads. */
  save() {
    const shapes = Object.entries(this.model.memoryShapes);
    const named = shapes.map(([name, shape]) => [name, { shape, data: this.memory[name] }]);
    return writeNpz(Object.fromEntries(named));
  }

  /** Takes a memory from the bytes of such a file; PageError leaves all as it was. */
  async load(bytes) {
    const arrays = await readNpz(bytes);
    const memory = {};
    for (const [name, shape] of Object.entries(this.model.memoryShapes)) {
      const found = arrays[name];
      if (found?.shape.join() !== shape.join()) {
        throw new PageError(
          `this model's memory has ${name} of ${shape.join(' x ')}; the file has ` +
            `${found ? found.shape.join(' x ') : 'none'}`,
        );
      }
      memory[name] = Float32Array.from(found.data);
      if (!memory[name].every(Number.isFinite)) {
        throw new PageError(`${name} holds what is no finite number`);
      }
    }
    if (memory.coverage.some((share) => share < 0 || share > 1)) {
      throw new PageError('coverage must lie in 0 to 1');
    }
    this.#keep();
    this.memory = memory;
    this.images = [];
  }

  /** Numbers of the blocks in which two memories differ. */
  changed(before, after) {
    const differs = (block) =>
      ['cells', 'coverage'].some((name) => {
        const old = this.#numbers(before[name], block);
        return this.#numbers(after[name], block).some((value, i) => value !== old[i]);
      });
    return this.#blocks((block) => block).filter(differs);
  }

  #keep() {
    const { memory, images, number } = this;
    this.#past = [...this.#past, { memory, images, number }].slice(-STEPS_BACK);
  }

  #blocks(of) {
    return Array.from({ length: this.model.page.grid ** 2 }, (_, block) => of(block));
  }

  /** What an array [1, S, S, ...] holds of one block of P x P cells. */
  #numbers(array, block) {
    const { grid, block_size: side } = this.model.page;
    const size = grid * side;
    const depth = array.length / size ** 2;
    const top = Math.floor(block / grid) * side;
    const left = (block % grid) * side;
    const found = [];
    for (let row = top; row < top + side; row++) {
      const start = (row * size + left) * depth;
      found.push(...array.subarray(start, start + side * depth));
    }
    return found;
  }
}
