// The map: every block of the memory decoded small, the window, the lines to what was
// written, and the ways to move about.

import { clip } from './keys.js';
import { paint } from './images.js';

const SVG = 'http://www.w3.org/2000/svg';
const WHEEL = 1 / 2500; // of the breadth, for a pixel of scrolling

/** An element of SVG with attributes. */
function element(name, attributes) {
  const made = document.createElementNS(SVG, name);
  set(made, attributes);
  return made;
}

function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
}

/** The map as it is seen. */
export class MapView {
  /**
   * @param {HTMLElement} root with a canvas and an SVG in it.
   * @param {SVGElement} lines over the map and the written images.
   * @param {Object} page
   */
  constructor(root, lines, page) {
    this.root = root;
    this.lines = lines;
    this.page = page;
    const [height, width] = page.image_shape;
    this.canvas = root.querySelector('canvas');
    this.canvas.width = page.grid * width;
    this.canvas.height = page.grid * height;
    root.style.aspectRatio = `${width} / ${height}`;
    const grid = root.querySelector('.grid');
    for (let i = 1; i < page.grid; i++) {
      const at = i / page.grid;
      grid.append(element('line', { x1: at, x2: at, y1: 0, y2: 1 }));
      grid.append(element('line', { x1: 0, x2: 1, y1: at, y2: at }));
    }
  }

  /** Shows the image that a block recalls; null where nothing is written. */
  tile(block, values) {
    const [height, width] = this.page.image_shape;
    const left = (block % this.page.grid) * width;
    const top = Math.floor(block / this.page.grid) * height;
    if (values) paint(this.canvas, values, this.page.image_shape, [left, top]);
    else this.canvas.getContext('2d').clearRect(left, top, width, height);
  }

  /** Shows the window, so many blocks wide, its middle, and where one moved to last. */
  window({ x, y }, width, moved) {
    const side = width / this.page.grid;
    const box = this.root.querySelector('.window');
    set(box, { x: x - side / 2, y: y - side / 2, width: side, height: side });
    set(this.root.querySelector('.point'), { cx: x, cy: y });
    set(this.root.querySelector('.moved'), { cx: moved.x, cy: moved.y });
  }

  /** Shows where the draws from p(Y) lie. */
  draws(pointers) {
    const dots = pointers.map(({ x, y }) => element('circle', { cx: x, cy: y, r: 0.006 }));
    this.root.querySelector('.draws').replaceChildren(...dots);
  }

  /**
   * Joins written images to their blocks.
   *
   * @param {{element: HTMLElement, blocks: number[], strong: boolean}[]} entries
   */
  join(entries) {
    const stage = this.lines.parentElement.getBoundingClientRect();
    const map = this.root.getBoundingClientRect();
    const drawn = [];
    for (const { element: button, blocks, strong } of entries) {
      const box = button.getBoundingClientRect();
      const list = button.closest('ul').getBoundingClientRect();
      const hidden = box.bottom < list.top + 4 || box.top > list.bottom - 4;
      if (hidden || box.right < list.left + 4 || box.left > list.right - 4) continue;
      const beside = list.right <= map.left;
      const from = beside
        ? [box.right, box.top + box.height / 2]
        : [box.left + box.width / 2, box.bottom];
      for (const block of blocks) {
        const column = (block % this.page.grid) + 0.5;
        const row = Math.floor(block / this.page.grid) + 0.5;
        const to = [
          map.left + (column / this.page.grid) * map.width,
          map.top + (row / this.page.grid) * map.height,
        ];
        const line = element('path', {
          d: curve(from, to, beside, stage),
          class: strong ? 'strong' : '',
        });
        drawn.push(line);
      }
    }
    this.lines.replaceChildren(...drawn);
  }
}

function curve(from, to, beside, stage) {
  const [x, y] = [from[0] - stage.left, from[1] - stage.top];
  const [u, v] = [to[0] - stage.left, to[1] - stage.top];
  const [dx, dy] = beside ? [(u - x) / 2, 0] : [0, (v - y) / 2];
  return `M${x} ${y}C${x + dx} ${y + dy} ${u - dx} ${v - dy} ${u} ${v}`;
}

/**
 * Listens for the pointer, the wheel and the keyboard.
 *
 * A mouse that passes over the map looks; a click, a finger or a key moves. Where the
 * mouse leaves, what is seen is again where one moved to last, so that the way to a
 * button changes nothing.
 *
 * @param {HTMLElement} root the map.
 * @param {HTMLElement[]} wheeled where the wheel is heard.
 * @param {number} grid blocks along a side.
 * @param {{move: Function, look: Function, leave: Function}} acts `move` and `look`
 *   take a function of the pointer {x, y, breadth} that gives the new one.
 */
export function listen(root, wheeled, grid, { move, look, leave }) {
  const inside = ({ x, y, breadth }) => ({
    x: clip(x, 0, 1),
    y: clip(y, 0, 1),
    breadth: clip(breadth, 0, 1),
  });
  const follow = (act) => (event) => {
    const box = root.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width;
    const y = (event.clientY - box.top) / box.height;
    act(({ breadth }) => inside({ x, y, breadth }));
  };
  root.addEventListener('pointerdown', follow(move));
  root.addEventListener('pointermove', (event) => follow(event.buttons ? move : look)(event));
  root.addEventListener('pointerleave', leave);
  for (const target of wheeled) {
    target.addEventListener(
      'wheel',
      (event) => {
        event.preventDefault();
        const pixels = event.deltaY * (event.deltaMode ? 33 : 1);
        look(({ x, y, breadth }) => inside({ x, y, breadth: breadth + WHEEL * pixels }));
      },
      { passive: false },
    );
  }
  const steps = {
    ArrowLeft: [-1, 0, 0],
    ArrowRight: [1, 0, 0],
    ArrowUp: [0, -1, 0],
    ArrowDown: [0, 1, 0],
    PageUp: [0, 0, 0.05],
    PageDown: [0, 0, -0.05],
    Home: [0, 0, -1],
    End: [0, 0, 1],
  };
  root.addEventListener('keydown', (event) => {
    const step = steps[event.key];
    if (!step || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const side = (event.shiftKey ? 0.1 : 1) / grid;
    const middle = (at) => (Math.floor(clip(at, 0, 1 - 1e-9) * grid) + 0.5) / grid;
    move(({ x, y, breadth }) => {
      // Whole steps go from middle to middle, and stay inside.
      const along = (at, by) => {
        if (!by) return at;
        if (event.shiftKey) return at + by * side;
        return clip(middle(at) + by * side, 0.5 / grid, 1 - 0.5 / grid);
      };
      return inside({
        x: along(x, step[0]),
        y: along(y, step[1]),
        breadth: breadth + step[2],
      });
    });
  });
}
