// A canvas to draw on, with a way back stroke by stroke.

import { values } from './images.js';

export class Sketch {
  #strokes = [];
  #pointer = null;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {Object} page
   * @param {function()} changed is called after every stroke and every step back.
   */
  constructor(canvas, page, changed) {
    this.canvas = canvas;
    this.page = page;
    this.changed = changed;
    const [height, width] = page.image_shape;
    canvas.width = 280;
    canvas.height = Math.round((280 * height) / width);
    canvas.addEventListener('pointerdown', (event) => {
      if (event.button) return;
      event.preventDefault();
      canvas.setPointerCapture(event.pointerId);
      this.#pointer = event.pointerId;
      this.#strokes.push([this.#place(event)]);
      this.#draw();
    });
    canvas.addEventListener('pointermove', (event) => {
      if (event.pointerId !== this.#pointer) return;
      this.#strokes.at(-1).push(this.#place(event));
      this.#draw();
    });
    for (const name of ['pointerup', 'pointercancel']) {
      canvas.addEventListener(name, (event) => {
        if (event.pointerId !== this.#pointer) return;
        this.#pointer = null;
        this.changed();
      });
    }
    this.#draw();
  }

  get isEmpty() {
    return this.#strokes.length === 0;
  }

  undo() {
    this.#strokes.pop();
    this.#draw();
    this.changed();
  }

  clear() {
    this.#strokes = [];
    this.#draw();
    this.changed();
  }

  /** What is drawn, as numbers [H, W, C]. */
  values() {
    return values(this.canvas, [this.canvas.width, this.canvas.height], this.page);
  }

  #place(event) {
    const box = this.canvas.getBoundingClientRect();
    const { width, height } = this.canvas;
    return [
      ((event.clientX - box.left) / box.width) * width,
      ((event.clientY - box.top) / box.height) * height,
    ];
  }

  #draw() {
    const { width, height } = this.canvas;
    const context = this.canvas.getContext('2d');
    context.fillStyle = 'black';
    context.fillRect(0, 0, width, height);
    context.strokeStyle = 'white';
    context.lineCap = context.lineJoin = 'round';
    context.lineWidth = width / 12;
    for (const [first, ...rest] of this.#strokes) {
      context.beginPath();
      context.moveTo(...first);
      context.lineTo(...first);
      for (const place of rest) context.lineTo(...place);
      context.stroke();
    }
  }
}
