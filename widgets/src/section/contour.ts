// Isolines by marching squares, as independent strokes.

/** Strokes (x1, z1, x2, z2, ...) in cells, of every level; cells without a value have none. */
export function isolines(
  values: Float32Array,
  greyed: Uint8Array | null,
  nx: number,
  nz: number,
  low: number,
  high: number,
  step: number,
): Float32Array[] {
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  if (!(step > 0) || last - first > 100) return [];
  const found: number[][] = [];
  for (let k = first; k <= last; k++) found.push([]);
  for (let j = 0; j < nz - 1; j++) {
    for (let i = 0; i < nx - 1; i++) {
      const o = j * nx + i;
      const a = values[o];
      const b = values[o + 1];
      const c = values[o + nx + 1];
      const d = values[o + nx];
      const sum = a + b + c + d;
      if (sum !== sum) continue; // a corner without a value
      let least = a < b ? a : b;
      if (c < least) least = c;
      if (d < least) least = d;
      let most = a > b ? a : b;
      if (c > most) most = c;
      if (d > most) most = d;
      const from = Math.max(first, Math.ceil(least / step));
      const to = Math.min(last, Math.floor(most / step));
      if (from > to) continue;
      if (greyed && (greyed[o] || greyed[o + 1] || greyed[o + nx] || greyed[o + nx + 1]))
        continue;
      for (let k = from; k <= to; k++) {
        const level = k * step;
        const out = found[k - first];
        const cut: number[] = [];
        if (a < level !== b < level) cut.push(i + (level - a) / (b - a), j);
        if (b < level !== c < level) cut.push(i + 1, j + (level - b) / (c - b));
        if (d < level !== c < level) cut.push(i + (level - d) / (c - d), j + 1);
        if (a < level !== d < level) cut.push(i, j + (level - a) / (d - a));
        if (cut.length >= 4) out.push(cut[0], cut[1], cut[2], cut[3]);
        if (cut.length === 8) out.push(cut[4], cut[5], cut[6], cut[7]);
      }
    }
  }
  return found.map((strokes) => Float32Array.from(strokes));
}
