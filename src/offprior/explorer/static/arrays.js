// Arrays that static_arrays.py packed: base64 of little-endian numbers.
"use strict";

function unpacked(stored) {
  const text = atob(stored.data), bytes = new Uint8Array(text.length), size = stored.type === "f4" ? 4 : 8;
  for (let k = 0; k < bytes.length; k++) bytes[k] = text.charCodeAt(k);
  if (bytes.length !== size * stored.shape.reduce((product, side) => product * side, 1)) {
    throw new Error(`an array of shape ${stored.shape} has ${bytes.length} bytes`);
  }
  const view = new DataView(bytes.buffer), read = size === 4 ? "getFloat32" : "getFloat64";
  const found = size === 4 ? new Float32Array(bytes.length / 4) : new Float64Array(bytes.length / 8);
  for (let k = 0; k < found.length; k++) found[k] = view[read](k * size, true);
  return found;
}
