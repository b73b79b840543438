// Ticks and numbers of axes.

/** Round steps of 1, 2 or 5 times a power of ten: about `wanted` of them in the span. */
export function niceStep(span: number, wanted: number): number {
  const raw = span / Math.max(wanted, 1);
  if (!(raw > 0) || !Number.isFinite(raw)) return 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const share = raw / power;
  return power * (share < 1.5 ? 1 : share < 3.5 ? 2 : share < 7.5 ? 5 : 10);
}

export function ticks(low: number, high: number, wanted: number): number[] {
  const [a, b] = low < high ? [low, high] : [high, low];
  const step = niceStep(b - a, wanted);
  const found: number[] = [];
  for (let k = Math.ceil(a / step - 1e-9); k * step <= b + 1e-9 * step; k++) found.push(k * step);
  return found;
}

/** Limits rounded outwards to nice steps. */
export function niceLimits(low: number, high: number): [number, number] {
  const span = high > low ? high - low : Math.max(Math.abs(high), 1) * 0.1;
  const step = niceStep(span, 8);
  return [Math.floor(low / step + 1e-9) * step, Math.ceil((low + span) / step - 1e-9) * step];
}

/** A tick's text, with the digits that its neighbours need and a true minus. */
export function tickText(value: number, step: number): string {
  const digits = Math.max(0, -Math.floor(Math.log10(Math.abs(step) || 1) + 1e-9));
  const text = (Math.abs(value) < step * 1e-6 ? 0 : value).toFixed(Math.min(digits, 8));
  return text.replace("-", "−");
}

/** A value for reading, with three significant digits. */
export function shown(value: number): string {
  if (!Number.isFinite(value)) return "–";
  return Number(value.toPrecision(3)).toString().replace("-", "−");
}

const EXAGGERATIONS = [1, 1.5, 2, 3, 4, 5, 8, 10, 15, 20, 0.5, 0.25];

/** Vertical exaggeration and height of the axes: the smallest that can be read, 1 if it can. */
export function aspect(
  length: number,
  height: number,
  width: number,
): { exaggeration: number; height: number } {
  const low = Math.max(150, 0.26 * width);
  const high = Math.max(low * 1.2, 0.62 * width);
  const pixels = (width * height) / length;
  for (const exaggeration of EXAGGERATIONS) {
    const tall = pixels * exaggeration;
    if (tall >= low && tall <= high) return { exaggeration, height: Math.round(tall) };
  }
  const exaggeration = pixels < low ? 20 : 0.25;
  const tall = Math.min(Math.max(pixels * exaggeration, low), high);
  return { exaggeration: tall / pixels, height: Math.round(tall) };
}
