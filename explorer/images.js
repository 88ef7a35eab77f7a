// Images: from files and drawings to numbers, and from numbers to canvases.

import { PageError } from './errors.js';

const MOST_PIXELS = 5e7;

/** Paints numbers in [0, 1], [H, W, C], onto a canvas of W x H pixels. */
export function paint(canvas, values, [height, width, channels], at = [0, 0]) {
  const data = new ImageData(width, height);
  for (let i = 0; i < height * width; i++) {
    for (let c = 0; c < 3; c++) {
      data.data[4 * i + c] = Math.round(255 * values[i * channels + (channels === 3 ? c : 0)]);
    }
    data.data[4 * i + 3] = 255;
  }
  canvas.getContext('2d').putImageData(data, ...at);
}

/** A canvas of an image's own size. */
export function thumbnail(values, shape) {
  const canvas = document.createElement('canvas');
  [canvas.height, canvas.width] = shape;
  paint(canvas, values, shape);
  return canvas;
}

/**
 * Numbers [H, W, C] in [0, 1] of a picture, cropped to the middle.
 *
 * @param {CanvasImageSource} picture
 * @param {number[]} size its width and height.
 * @param {Object} page with `image_shape`, and `binary` where pixels are 0 or 1.
 * @param {boolean} invert whether black becomes white.
 */
export function values(picture, [pictureWidth, pictureHeight], page, invert = false) {
  const [height, width, channels] = page.image_shape;
  const factor = Math.min(pictureWidth / width, pictureHeight / height);
  const cropped = [width * factor, height * factor];
  const left = (pictureWidth - cropped[0]) / 2;
  const top = (pictureHeight - cropped[1]) / 2;
  const canvas = document.createElement('canvas');
  [canvas.height, canvas.width] = page.image_shape;
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.imageSmoothingQuality = 'high';
  context.fillRect(0, 0, width, height); // what is transparent is black
  context.drawImage(picture, left, top, ...cropped, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  const found = new Float32Array(height * width * channels);
  for (let i = 0; i < height * width; i++) {
    const colours = [...data.subarray(4 * i, 4 * i + 3)].map((v) => v / 255);
    const grey = 0.299 * colours[0] + 0.587 * colours[1] + 0.114 * colours[2];
    for (let c = 0; c < channels; c++) {
      let value = channels === 3 ? colours[c] : grey;
      if (invert) value = 1 - value;
      found[i * channels + c] = page.binary ? Number(value >= 0.5) : value;
    }
  }
  return found;
}

/** The numbers of an image file; PageError if it is none, or too large. */
export async function readImage(file, page, invert) {
  const picture = new Image();
  picture.src = URL.createObjectURL(file);
  try {
    await new Promise((resolve, reject) => {
      picture.onload = resolve;
      picture.onerror = () => reject(new PageError('the browser reads no picture in it'));
    });
    const size = [picture.naturalWidth, picture.naturalHeight];
    if (!size[0] || !size[1]) throw new PageError('it is a picture of no size');
    if (size[0] * size[1] > MOST_PIXELS) {
      throw new PageError(`${size.join(' x ')} pixels are too many; 50 million may be`);
    }
    return values(picture, size, page, invert);
  } finally {
    URL.revokeObjectURL(picture.src);
  }
}

/** An image with noise: pixels that flip, or Gaussian noise where they are not binary. */
export function noisy(image, amount, page, random) {
  return image.map((value) => {
    if (page.binary) {
      const pixel = Number(value >= 0.5);
      return random.uniform() < amount ? 1 - pixel : pixel;
    }
    return Math.min(1, Math.max(0, value + amount * random.normal()));
  });
}
