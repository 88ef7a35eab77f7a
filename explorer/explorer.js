// The page: what happens when somebody points, turns, writes, draws or drops.

import { asset } from './assets.js';
import { PageError } from './errors.js';
import { noisy, paint, readImage, thumbnail } from './images.js';
import { Reader } from './keys.js';
import { MapView, listen } from './map.js';
import { MemoryBook } from './memory.js';
import { Model, startRuntime } from './model.js';
import { readNpz } from './npz.js';
import { Random } from './random.js';
import { Results } from './results.js';
import { Sketch } from './sketch.js';

const $ = (id) => document.getElementById(id);
const DRAWS = 8;
const MOST_STEPS = 8;
const STEP_MS = matchMedia('(prefers-reduced-motion: reduce)').matches ? 0 : 350;

class Explorer {
  pointer = { x: 0.5, y: 0.5, breadth: 0 }; // where one looks
  moved = this.pointer; // where one moved to last
  random = new Random(1);
  highlighted = null; // the entry whose line is strong
  #frame = 0;
  #last = Promise.resolve();
  #moves = 0; // counts what moved the pointer, so that denoising stops following

  constructor(page, model) {
    this.page = page;
    this.model = model;
    this.reader = new Reader(page);
    this.book = new MemoryBook(model);
    this.map = new MapView($('map'), document.querySelector('.lines'), page);
    this.results = new Results($('results'), page.image_shape);
    this.sketch = new Sketch($('sketch'), page, () => this.#enable());
    this.noise = this.random.normals(model.noiseSize);
    [$('picture').height, $('picture').width] = page.image_shape;
  }

  /** Reads at the pointer and shows it. */
  async show() {
    const factor = Number($('here').value);
    const noise = this.noise.map((value) => factor * value);
    const pointer = this.pointer;
    const image = await this.model.read(this.book.memory, this.reader.key(pointer), noise);
    this.image = image;
    paint($('picture'), image, this.page.image_shape);
    this.map.window(pointer, this.reader.width(pointer.breadth), this.moved);
    this.#describe(pointer);
    this.joinLines();
  }

  /** Moves the pointer: `to` gives the new one from the old one. */
  move(to) {
    this.#go(to(this.pointer));
    this.refresh();
  }

  #go(pointer) {
    this.#moves++;
    this.pointer = this.moved = pointer;
  }

  /** Looks elsewhere, until `leave`; how wide the window is, stays. */
  look(to) {
    this.pointer = to(this.pointer);
    this.refresh();
  }

  leave() {
    this.pointer = { ...this.moved, breadth: this.pointer.breadth };
    this.refresh();
  }

  /** Shows what is read at the next frame, however often it is asked for till then. */
  refresh() {
    if (this.#frame) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.show().catch(report);
    });
  }

  /** Writes images, one after the other. */
  write(images) {
    return this.#inTurn(() => this.#write(images));
  }

  async #write(images) {
    const forgotten = [];
    for (const image of images) {
      const written = await this.book.write(image);
      forgotten.push(...written.forgotten);
      await this.#decode(written.entry.blocks);
      this.#go(this.reader.centre(written.entry.blocks[0] ?? 0));
    }
    this.#listWritten();
    await this.show();
    if (forgotten.length) {
      const numbers = forgotten.map((entry) => entry.number).join(', ');
      say(`The memory was full: image ${numbers} was overwritten. Undo brings it back.`);
    }
  }

  /** Replaces the memory by what `change` does to the book, and shows all of it. */
  replace(change) {
    return this.#inTurn(() => this.#replace(change));
  }

  async #replace(change) {
    const before = this.book.memory;
    await change(this.book);
    await this.#decode(this.book.changed(before, this.book.memory));
    this.#listWritten();
    await this.show();
  }

  /** What changes the memory waits for what changed it before. */
  #inTurn(act) {
    const done = this.#last.then(act);
    this.#last = done.catch(() => {});
    return done;
  }

  /** Draws images from p(Y), and latents from p(Z|M-hat). */
  async draw() {
    const temperature = Number($('temperature').value);
    const drawn = [];
    for (let i = 0; i < DRAWS; i++) {
      const key = [...this.random.normals(3, temperature)];
      const noise = this.random.normals(this.model.noiseSize);
      const scaled = noise.map((value) => temperature * value);
      const values = await this.model.read(this.book.memory, key, scaled);
      const pointer = this.reader.pointer(key);
      const go = () => {
        this.noise = noise;
        $('here').value = temperature;
        this.#labels();
        this.move(() => pointer);
      };
      drawn.push({ values, caption: '', go, pointer });
    }
    this.results.strip(`Drawn from p(Y) at temperature ${temperature}`, drawn);
    this.map.draws(drawn.map(({ pointer }) => pointer));
    this.#enable();
  }

  /**
   * Iterative reading of an image, shown step by step.
   *
   * It reads the memory as it was at the start. The pointer follows until something
   * else moves it or writes.
   */
  async denoise(image, title) {
    const { memory } = this.book;
    let moves = this.#moves;
    const strip = this.results.strip(title, [{ values: image, caption: 'start' }]);
    this.#enable();
    for (let step = 1; step <= MOST_STEPS; step++) {
      await new Promise((resolve) => setTimeout(resolve, STEP_MS));
      const pointer = this.reader.centre(await this.model.nearest(memory, image));
      const better = await this.model.read(memory, this.reader.key(pointer));
      strip.add({ values: better, caption: `step ${step}` });
      if (moves === this.#moves) {
        this.move(() => pointer);
        moves = this.#moves;
      }
      const change = Math.max(...better.map((value, i) => Math.abs(value - image[i])));
      image = better;
      if (change < 1e-3) break;
    }
    strip.end();
  }

  /** Takes files: images are written, a memory is loaded. */
  async take(files) {
    const images = [];
    const refused = [];
    for (const file of files) {
      try {
        if (file.name.endsWith('.npz')) {
          const bytes = new Uint8Array(await file.arrayBuffer());
          await this.replace((book) => book.load(bytes));
        } else {
          images.push(await readImage(file, this.page, $('invert').checked));
        }
      } catch (error) {
        if (!(error instanceof PageError)) throw error;
        refused.push(`${file.name}: ${error.message}.`);
      }
    }
    if (images.length) await this.write(images);
    if (refused.length) say(`${refused.join(' ')} Nothing was changed by that.`);
  }

  joinLines() {
    const under = this.reader.block(this.pointer);
    const strong = (entry) =>
      this.highlighted ? entry === this.highlighted : entry.blocks.includes(under);
    const entries = this.book.images.map((entry) => {
      entry.button.classList.toggle('strong', strong(entry));
      return { element: entry.button, blocks: entry.blocks, strong: strong(entry) };
    });
    this.map.join(entries);
  }

  /** Connects all that can be pressed, turned and dropped. */
  connect() {
    listen($('map'), [$('map'), $('picture')], this.page.grid, {
      move: (to) => this.move(to),
      look: (to) => this.look(to),
      leave: () => this.leave(),
    });
    const on = (id, act, event = 'click') => {
      $(id).addEventListener(event, () => Promise.resolve(act()).catch(report));
    };
    on(
      'breadth',
      () => this.move(() => ({ ...this.moved, breadth: Number($('breadth').value) })),
      'input',
    );
    on('here', () => { this.#labels(); this.refresh(); }, 'input');
    on('temperature', () => this.#labels(), 'input');
    on('noise', () => this.#labels(), 'input');
    on('again', () => {
      this.noise = this.random.normals(this.model.noiseSize);
      if (!Number($('here').value)) $('here').value = 1;
      this.#labels();
      this.refresh();
    });
    on('draw', () => this.draw());
    on('denoise', async () => {
      await this.show(); // the pointer may have moved since
      const amount = Number($('noise').value);
      const image = noisy(this.image, amount, this.page, this.random);
      return this.denoise(image, `Denoised, from ${Math.round(100 * amount)}% noise`);
    });
    on('sketch-write', () => this.write([this.sketch.values()]).then(() => this.sketch.clear()));
    on('sketch-read', () => this.denoise(this.sketch.values(), 'Your drawing, as the memory reads it'));
    on('sketch-undo', () => this.sketch.undo());
    on('sketch-clear', () => this.sketch.clear());
    on('undo', () => this.replace((book) => book.undo()));
    on('clear', () => this.replace((book) => book.clear()));
    on('save', () => download(this.book.save(), 'memory.npz'));
    for (const id of ['files', 'load']) {
      on(id, () => this.take([...$(id).files]).finally(() => { $(id).value = ''; }), 'change');
    }
    addEventListener('resize', () => this.joinLines());
    $('written').addEventListener('scroll', () => this.joinLines());
    this.#listenForDrops();
    this.#labels();
    this.#enable();
  }

  #listenForDrops() {
    const over = (event) => {
      if (!event.dataTransfer?.types.includes('Files')) return;
      event.preventDefault();
      $('drop').classList.toggle('over', event.type === 'dragover');
    };
    addEventListener('dragover', over);
    addEventListener('dragleave', over);
    addEventListener('drop', (event) => {
      over(event);
      this.take([...event.dataTransfer.files]).catch(report);
    });
  }

  /** Decodes blocks of the map anew. */
  async #decode(blocks) {
    for (const block of blocks) {
      const key = this.reader.key(this.reader.centre(block));
      const covered = this.book.covers(block);
      this.map.tile(block, covered ? await this.model.read(this.book.memory, key) : null);
    }
  }

  #listWritten() {
    const items = this.book.images.map((entry) => {
      entry.button ??= this.#button(entry);
      const item = document.createElement('li');
      item.append(entry.button);
      return item;
    });
    $('written').replaceChildren(...items);
    const { written, all } = this.book.fullness;
    $('fullness').textContent = `${written} of ${all} blocks written`;
    this.#enable();
  }

  #button(entry) {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'thumb';
    const { grid } = this.page;
    const places = entry.blocks.map((b) => `row ${Math.floor(b / grid) + 1}, column ${(b % grid) + 1}`);
    button.setAttribute('aria-label', `Image ${entry.number}, at ${places.join(' and ')}: go there`);
    button.append(thumbnail(entry.values, this.page.image_shape));
    button.addEventListener('click', () => this.move(() => this.reader.centre(entry.blocks[0])));
    const highlight = (which) => () => {
      this.highlighted = which;
      this.joinLines();
    };
    for (const name of ['pointerenter', 'focus']) button.addEventListener(name, highlight(entry));
    for (const name of ['pointerleave', 'blur']) button.addEventListener(name, highlight(null));
    return button;
  }

  #describe(pointer) {
    const width = this.reader.width(pointer.breadth);
    $('breadth').value = pointer.breadth;
    $('width').textContent = pointer.breadth >= 1 ? 'all' : `${width.toPrecision(2)} blocks`;
    const block = this.reader.block(pointer);
    const place = `row ${Math.floor(block / this.page.grid) + 1}, column ${(block % this.page.grid) + 1}`;
    const entry = this.book.images.find(({ blocks }) => blocks.includes(block));
    let text = `Gist of a region about ${place}.`;
    if (pointer.breadth >= 1) text = 'Gist of all that is written.';
    else if (width <= 1 && !this.book.covers(block)) text = `Nothing is written at ${place}: imagined.`;
    else if (width <= 1) text = `Recalled ${entry ? `image ${entry.number}` : 'an image'} at ${place}.`;
    const key = this.reader.key(pointer).map((value) => value.toFixed(2));
    const line = `${text} Key ${key.join(', ')}.`;
    if ($('reading').textContent !== line) $('reading').textContent = line;
  }

  #labels() {
    $('here-value').textContent = Number($('here').value) || 'mean';
    $('temperature-value').textContent = $('temperature').value;
    $('noise-value').textContent = `${Math.round(100 * $('noise').value)}%`;
  }

  #enable() {
    $('undo').disabled = !this.book.canUndo;
    for (const id of ['sketch-write', 'sketch-read', 'sketch-undo', 'sketch-clear']) {
      $(id).disabled = this.sketch.isEmpty;
    }
    document.querySelector('.results').hidden = this.results.isEmpty;
  }
}

function download(blob, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Shows a message. */
function say(text) {
  $('message').querySelector('p').textContent = text;
  $('message').hidden = false;
}

/** Shows an error that somebody can act on; others go to the console too. */
function report(error) {
  if (!(error instanceof PageError)) console.error(error);
  say(error instanceof PageError ? error.message : `Something went wrong: ${error.message}`);
}

async function start() {
  $('message').querySelector('button').addEventListener('click', () => {
    $('message').hidden = true;
  });
  const page = JSON.parse(new TextDecoder().decode(await asset('page.json')));
  const [content, images] = ['model.tflite', 'images.npz'].map(asset);
  for (const file of [content, images]) file.catch(() => {}); // told below, in turn
  await startRuntime(await asset('litert_wasm.js'), await asset('litert_wasm.wasm'));
  const explorer = new Explorer(page, await Model.load(await content, page));
  const { shape, data } = (await readNpz(await images)).images;
  const size = explorer.model.imageSize;
  $('about').textContent = page.about;
  $('main').hidden = false;
  explorer.connect();
  await explorer.write(
    Array.from({ length: shape[0] }, (_, i) =>
      Float32Array.from(data.subarray(i * size, (i + 1) * size), (value) => value / 255),
    ),
  );
  globalThis.explorer = explorer; // for the console, and for tests
  document.body.dataset.ready = Math.round(performance.now());
}

start().catch(report);
