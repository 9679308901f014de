/** Arrays out of a safetensors file: eight bytes of length, a header in JSON, then the numbers. */

import { admission } from "./key.js";

const READ = {
  F32: [4, (view, at) => view.getFloat32(at, true)],
  F64: [8, (view, at) => view.getFloat64(at, true)],
  I64: [8, (view, at) => Number(view.getBigInt64(at, true))],
};

/** {name: {shape, values}} for the arrays of known types. */
export function parsed(buffer) {
  const view = new DataView(buffer), length = Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  const found = {};
  for (const [name, { dtype, shape, data_offsets: [begin, end] }] of Object.entries(header)) {
    if (name === "__metadata__" || !(dtype in READ)) continue;
    const [size, read] = READ[dtype], values = new Float64Array((end - begin) / size);
    for (let i = 0; i < values.length; i++) values[i] = read(view, 8 + length + begin + i * size);
    found[name] = { shape, values };
  }
  return found;
}

/** Fetch and parse; null where the file is gone, because a newer look has replaced it. */
export async function arrays(path) {
  const reply = await fetch(path, { headers: admission() }).catch(() => null);
  return reply && reply.ok ? parsed(await reply.arrayBuffer()) : null;
}
