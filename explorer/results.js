// Rows of images below the map: draws, and steps of denoising.

import { thumbnail } from './images.js';

const MOST_ROWS = 6;

export class Results {
  constructor(root, shape) {
    this.root = root;
    this.shape = shape;
  }

  get isEmpty() {
    return !this.root.childElementCount;
  }

  /**
   * Adds a row above the others, and lets the oldest go.
   *
   * @param {string} title
   * @param {{values: Float32Array, caption: string, go: ?function()}[]} images those
   *   with `go` can be pressed.
   * @return {{add: function(Object), end: function()}} to add images, and to say that
   *   no more will come.
   */
  strip(title, images) {
    const row = document.createElement('section');
    const heading = document.createElement('h3');
    heading.textContent = title;
    const strip = document.createElement('div');
    strip.className = 'strip';
    row.append(heading, strip);
    this.root.prepend(row);
    while (this.root.childElementCount > MOST_ROWS) this.root.lastElementChild.remove();
    const add = (image) => strip.append(this.#figure(image, title, strip.childElementCount + 1));
    images.forEach(add);
    return { add, end: () => { row.dataset.ended = 'true'; } };
  }

  #figure({ values, caption, go }, title, number) {
    const figure = document.createElement('figure');
    const picture = document.createElement(go ? 'button' : 'div');
    picture.className = 'thumb';
    const name = `${title}: ${caption || `image ${number}`}`;
    if (go) {
      picture.type = 'button';
      picture.addEventListener('click', go);
      picture.setAttribute('aria-label', `${name}: go there`);
    } else {
      picture.setAttribute('role', 'img');
      picture.setAttribute('aria-label', name);
    }
    picture.append(thumbnail(values, this.shape));
    const text = document.createElement('figcaption');
    text.textContent = caption;
    figure.append(picture, text);
    return figure;
  }
}
