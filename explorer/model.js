// The model, run by LiteRT.js, and what can be done with a memory.

import { Tensor, loadAndCompile, loadLiteRt } from './litert.js';
import { PageError } from './errors.js';

const FIELDS = ['cells', 'coverage', 'carry'];

/**
 * Starts LiteRT.js from the bytes of its script and of its module.
 *
 * They come as bytes so that a missing file is noticed here, by its name, and so that
 * a page of one file needs nothing else.
 */
export async function startRuntime(script, module) {
  const url = URL.createObjectURL(new Blob([script], { type: 'text/javascript' }));
  // LiteRT.js hands it on. What it reports on the way is no error of the page.
  self.Module = { wasmBinary: module, printErr: (line) => console.debug(line) };
  try {
    await loadLiteRt(`${url}#.js`); // it tells a script from a folder by its ending
  } catch (error) {
    throw new PageError(
      `LiteRT.js did not start in this browser (${error.message ?? 'its script failed'}). ` +
        'It needs WebAssembly with SIMD, as browsers since 2023 have it.',
    );
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** What the signatures of kpp_tf/serving/tflite.py compute, an image at a time. */
export class Model {
  /**
   * @param {Uint8Array} content of the .tflite file.
   * @param {Object} page the page's description of the model, page.json.
   */
  static async load(content, page) {
    const model = new Model();
    model.page = page;
    const foreign = 'model.tflite is not the model that this page was built for';
    try {
      model.compiled = await loadAndCompile(content, { accelerator: 'wasm' });
    } catch (error) {
      throw new PageError(`${foreign}: it cannot be read. Build the page again.`);
    }
    for (const [name, inputs] of Object.entries(page.signatures)) {
      const found = model.compiled.signatures[name]?.getInputDetails() ?? [];
      const shapes = Object.fromEntries(found.map((i) => [i.name, [...i.shape].join()]));
      for (const [input, shape] of Object.entries(inputs)) {
        if (shapes[input] !== shape.join()) {
          throw new PageError(
            `${foreign}: its ${name} has no ${input} of ${shape.join(' x ')}. ` +
              'Build the page again.',
          );
        }
      }
    }
    return model;
  }

  get noiseSize() {
    return this.page.signatures.generate_from_keys.noise.at(-1);
  }

  get imageSize() {
    return this.page.image_shape.reduce((a, b) => a * b);
  }

  /** Shapes of a memory's arrays: those of kpp_tf's Memory. */
  get memoryShapes() {
    const inputs = this.page.signatures.write_next;
    return Object.fromEntries(FIELDS.map((name) => [name, inputs[`memory_${name}`]]));
  }

  emptyMemory() {
    const size = (shape) => shape.reduce((a, b) => a * b);
    const shapes = Object.entries(this.memoryShapes);
    return Object.fromEntries(shapes.map(([n, s]) => [n, new Float32Array(size(s))]));
  }

  /** The memory with one image more: a new object; the old one is kept. */
  async write(memory, image) {
    const written = await this.#run('write_next', { ...prefixed(memory), image });
    return Object.fromEntries(FIELDS.map((name) => [name, written[`memory_${name}`]]));
  }

  /**
   * The image at a key.
   *
   * @param {Object} memory
   * @param {number[]} key scale, x, y.
   * @param {Float32Array=} noise of the latents; none takes their mean.
   */
  async read(memory, key, noise = new Float32Array(this.noiseSize)) {
    const count = this.page.blocks_per_frame;
    const keys = Float32Array.from({ length: 3 * count }, (_, i) => key[i % 3]);
    const inputs = { ...prefixed(memory), keys, noise };
    return (await this.#run('generate_from_keys', inputs)).images;
  }

  /** The number of the block that holds what is nearest to an image. */
  async nearest(memory, queries) {
    const { nearness } = await this.#run('nearness', { ...prefixed(memory), queries });
    const first = nearness.subarray(0, this.page.grid ** 2);
    return first.indexOf(Math.max(...first));
  }

  async #run(name, values) {
    const tensors = {};
    let outputs = {};
    try {
      for (const [input, shape] of Object.entries(this.page.signatures[name])) {
        tensors[input] = Tensor.fromTypedArray(values[input], shape);
      }
      outputs = await this.compiled.signatures[name].run(tensors);
      const copied = Object.entries(outputs).map(([n, t]) => [n, t.toTypedArray().slice()]);
      return Object.fromEntries(copied);
    } finally {
      for (const tensor of [...Object.values(tensors), ...Object.values(outputs)]) {
        tensor.delete();
      }
    }
  }
}

function prefixed(memory) {
  return Object.fromEntries(FIELDS.map((name) => [`memory_${name}`, memory[name]]));
}
