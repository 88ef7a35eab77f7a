// The files that a page brings: beside it, or inside it where it is one file.

import { PageError } from './errors.js';
import { unpack } from './npz.js';

/**
 * The bytes of one of the page's files.
 *
 * @param {string} name such as "model.tflite".
 * @return {Promise<Uint8Array>}
 */
export async function asset(name) {
  const embedded = document.getElementById(`asset:${name}`);
  if (embedded) {
    const packed = Uint8Array.from(atob(embedded.textContent), (c) => c.charCodeAt(0));
    return unpack(packed, 'gzip');
  }
  const response = await fetch(name).catch(() => null);
  if (!response?.ok) {
    const hint =
      location.protocol === 'file:'
        ? 'A page that is opened as a file must be built with --single_file; or open it with --serve.'
        : 'Build the page again with kpp-explorer.';
    throw new PageError(`${name} is missing. ${hint}`);
  }
  return new Uint8Array(await response.arrayBuffer());
}
