// .npz files, as numpy reads and writes them: a zip of arrays.

import { PageError } from './errors.js';

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const LARGEST = 2 ** 28; // bytes
const TYPES = {
  '<f4': Float32Array,
  '<f8': Float64Array,
  '|u1': Uint8Array,
};

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  return crc;
});

export function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ CRC[(crc ^ byte) & 255];
  return (crc ^ 0xffffffff) >>> 0;
}

/**
 * Reads the arrays of an .npz file.
 *
 * @param {Uint8Array} bytes
 * @return {Promise<Object<string, {shape: number[], data: TypedArray}>>} by name.
 */
export async function readNpz(bytes) {
  try {
    const arrays = {};
    for (const { name, content } of await entries(bytes)) {
      if (name.endsWith('.npy')) arrays[name.slice(0, -4)] = readNpy(content);
    }
    return arrays;
  } catch (error) {
    if (error instanceof PageError) throw error;
    throw new PageError('the file is damaged, or no .npz file');
  }
}

/**
 * Writes float32 arrays as numpy's savez does: stored, not compressed.
 *
 * @param {Object<string, {shape: number[], data: Float32Array}>} arrays by name.
 * @return {Blob}
 */
export function writeNpz(arrays) {
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const [name, { shape, data }] of Object.entries(arrays)) {
    const file = new TextEncoder().encode(`${name}.npy`);
    const content = npy(shape, data);
    const size = content.length;
    // Version 2.0, no flags, stored, 1 January 1980.
    const common = [u16(20, 0, 0, 0, 0x21), u32(crc32(content), size, size)];
    common.push(u16(file.length, 0));
    const local = [u32(LOCAL), ...common, file, content];
    directory.push(u32(CENTRAL), u16(20), ...common, u16(0, 0, 0), u32(0, offset), file);
    parts.push(...local);
    offset += total(local);
  }
  const count = Object.keys(arrays).length;
  const end = [u32(END), u16(0, 0, count, count), u32(total(directory), offset), u16(0)];
  return new Blob([...parts, ...directory, ...end], { type: 'application/zip' });
}

/** Names and contents of a zip's files, by its central directory. */
async function entries(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let end = bytes.length - 22;
  while (view.getUint32(end, true) !== END) end--; // past the start, getUint32 throws
  let at = view.getUint32(end + 16, true);
  const found = [];
  for (let left = view.getUint16(end + 10, true); left > 0; left--) {
    if (view.getUint32(at, true) !== CENTRAL) throw new Error('no directory');
    const method = view.getUint16(at + 10, true);
    const crc = view.getUint32(at + 16, true);
    const packed = view.getUint32(at + 20, true);
    if (view.getUint32(at + 24, true) > LARGEST) throw new PageError('the file is too large');
    const lengths = [28, 30, 32].map((o) => view.getUint16(at + o, true));
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + lengths[0]));
    const local = view.getUint32(at + 42, true);
    const start =
      local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    let content = bytes.subarray(start, start + packed);
    if (method === 8) content = await unpack(content, 'deflate-raw');
    if (crc32(content) !== crc) throw new Error('checksum');
    found.push({ name, content });
    at += 46 + lengths[0] + lengths[1] + lengths[2];
  }
  return found;
}

/** Decompresses bytes: format "gzip" or "deflate-raw". */
export async function unpack(bytes, format) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream(format));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function readNpy(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wide = bytes[6] > 1; // version 2 and later
  const length = wide ? view.getUint32(8, true) : view.getUint16(8, true);
  const start = (wide ? 12 : 10) + length;
  const header = new TextDecoder('latin1').decode(bytes.subarray(wide ? 12 : 10, start));
  const type = /'descr': *'([^']*)'/.exec(header)[1];
  const shape = /'shape': *\(([^)]*)\)/.exec(header)[1].match(/\d+/g)?.map(Number) ?? [];
  if (!(type in TYPES) || header.includes("'fortran_order': True")) {
    throw new PageError(
      `arrays must be float32, float64 or uint8, in C order. Received: ${type}`,
    );
  }
  const data = new TYPES[type](bytes.slice(start).buffer);
  if (data.length !== shape.reduce((a, b) => a * b, 1)) throw new Error('size');
  return { shape, data };
}

function npy(shape, data) {
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${sizes}), }`;
  // The numbers begin at a multiple of 64 bytes.
  const padded = header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11) + '\n';
  const start = Uint8Array.of(0x93, ...new TextEncoder().encode('NUMPY'), 1, 0);
  const numbers = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return join([start, u16(padded.length), new TextEncoder().encode(padded), numbers]);
}

function u16(...values) {
  return Uint8Array.from(values.flatMap((v) => [v & 255, v >>> 8]));
}

function u32(...values) {
  return join(values.map((v) => u16(v & 65535, v >>> 16)));
}

function total(parts) {
  return parts.reduce((sum, part) => sum + part.length, 0);
}

function join(parts) {
  const joined = new Uint8Array(total(parts));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
