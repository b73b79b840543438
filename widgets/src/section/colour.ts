// Colour tables and how values become pixels.

/** 256 colours as one RGBA word each (little endian), from "rrggbbrrggbb...". */
export function lutFrom(hex: string): Uint32Array {
  const n = Math.floor(hex.length / 6);
  const lut = new Uint32Array(256);
  for (let i = 0; i < 256; i++) {
    const k = 6 * Math.min(n - 1, Math.round((i * (n - 1)) / 255));
    const [r, g, b] = [0, 2, 4].map((o) => parseInt(hex.slice(k + o, k + o + 2), 16));
    lut[i] = ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
  }
  return lut;
}

/** CSS colour of a table's entry. */
export function cssOf(word: number): string {
  return `rgb(${word & 255}, ${(word >>> 8) & 255}, ${(word >>> 16) & 255})`;
}

/** Grey that covers cells too uncertain to be read. */
export const GREY = 0xffb9b9b9;

/** Pixels of a field: NaN is transparent, greyed cells are grey. */
export function colourise(
  values: Float32Array,
  low: number,
  high: number,
  lut: Uint32Array,
  greyed: Uint8Array | null,
  out: Uint32Array,
): void {
  const gain = high > low ? 256 / (high - low) : 0;
  for (let i = 0; i < values.length; i++) {
    const v = values[i];
    if (v !== v) out[i] = 0;
    else if (greyed?.[i]) out[i] = GREY;
    else {
      const k = Math.floor((v - low) * gain);
      out[i] = lut[k < 0 ? 0 : k > 255 ? 255 : k];
    }
  }
}
