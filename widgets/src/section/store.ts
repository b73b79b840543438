// The ensemble in the browser: quantised members, and every statistic of them.

/** Codes of members; the last one is "no rock here". */
export const MISSING = 65535;

export interface Grid {
  nx: number;
  nz: number;
  x0: number;
  dx: number;
  z0: number;
  dz: number;
}

export interface Quantisation {
  offset: number;
  scale: number;
}

const KEY = 65536;

/**
 * Members of an ensemble on one grid, (member, depth, easting), as 16-bit codes.
 *
 * value = offset + scale * code. Statistics are computed on codes and scaled at the end. Mean and
 * std are kept up to date while members arrive; quantiles sort every cell's column once.
 */
export class Store {
  readonly nCells: number;
  count = 0;
  private codes: Uint16Array;
  private weights: Float64Array | null = null;
  private moments: { mean: Float64Array; std: Float64Array } | null = null;
  private column: { asked: string; found: Float32Array[] } | null = null;
  private keys: Uint32Array | null = null;
  private nSorted = 0;
  private readonly missing: Uint8Array;

  constructor(
    readonly grid: Grid,
    readonly quantisation: Quantisation,
    capacity: number,
  ) {
    this.nCells = grid.nx * grid.nz;
    this.codes = new Uint16Array(Math.max(capacity, 1) * this.nCells);
    this.missing = new Uint8Array(this.nCells);
  }

  /** Take members that follow those that are there; others are left alone. */
  append(first: number, codes: Uint16Array): void {
    const n = codes.length / this.nCells;
    if (first !== this.count || !Number.isInteger(n)) return;
    const end = (this.count + n) * this.nCells;
    if (end > this.codes.length) {
      const larger = new Uint16Array(Math.max(end, 2 * this.codes.length));
      larger.set(this.codes);
      this.codes = larger;
    }
    this.codes.set(codes, this.count * this.nCells);
    if (this.count === 0)
      for (let c = 0; c < this.nCells; c++) this.missing[c] = codes[c] === MISSING ? 1 : 0;
    this.count += n;
    this.forget();
  }

  /** Weights of the members, or null for equal ones. */
  setWeights(weights: ArrayLike<number> | null): void {
    const total = weights ? Array.from(weights).reduce((a, b) => a + b, 0) : 0;
    const isEqual =
      !weights || !(total > 0) || Array.from(weights).every((w) => w === weights[0]);
    this.weights = isEqual ? null : Float64Array.from(weights, (w) => w / total);
    this.moments = null;
    this.column = null;
  }

  /** Weight of one member; they sum to one. */
  weight(member: number): number {
    return this.weights ? (this.weights[member] ?? 0) : 1 / Math.max(this.count, 1);
  }

  /** Members that count: 1 / sum of squared weights. */
  get nEffective(): number {
    if (!this.weights) return this.count;
    return 1 / this.weights.reduce((sum, w) => sum + w * w, 0);
  }

  get isSorted(): boolean {
    return this.nSorted === this.nCells && this.keys !== null;
  }

  member(index: number, out: Float32Array): Float32Array {
    const start = index * this.nCells;
    for (let c = 0; c < this.nCells; c++) out[c] = this.value(this.codes[start + c], c);
    return out;
  }

  mean(out: Float32Array): Float32Array {
    const { mean } = this.momentsOf();
    for (let c = 0; c < this.nCells; c++) out[c] = this.value(mean[c], c);
    return out;
  }

  /** Standard deviation (1 sigma), unbiased for equal weights. */
  std(out: Float32Array): Float32Array {
    const { std } = this.momentsOf();
    const { scale } = this.quantisation;
    for (let c = 0; c < this.nCells; c++) out[c] = this.missing[c] ? NaN : scale * std[c];
    return out;
  }

  /** Quantile of every cell; between members it is linear, as numpy's is for equal weights. */
  quantile(level: number, out: Float32Array): Float32Array {
    this.sort(Infinity);
    const keys = this.keys as Uint32Array;
    const n = this.count;
    const at = Math.min(Math.max(level, 0), 1);
    if (!this.weights) {
      const place = at * (n - 1);
      const low = Math.floor(place);
      const high = Math.min(low + 1, n - 1);
      const share = place - low;
      for (let c = 0; c < this.nCells; c++) {
        const a = Math.floor(keys[c * n + low] / KEY);
        const b = Math.floor(keys[c * n + high] / KEY);
        out[c] = this.value(a + share * (b - a), c);
      }
      return out;
    }
    for (let c = 0; c < this.nCells; c++)
      out[c] = this.value(this.weightedQuantile(keys, c * n, at), c);
    return out;
  }

  /** Share of the members, by weight, whose value exceeds a threshold. */
  exceedance(threshold: number, out: Float32Array): Float32Array {
    const { offset, scale } = this.quantisation;
    const limit = (threshold - offset) / scale;
    const n = this.count;
    if (this.isSorted && !this.weights) {
      const keys = this.keys as Uint32Array;
      for (let c = 0; c < this.nCells; c++) {
        if (this.missing[c]) {
          out[c] = NaN;
          continue;
        }
        let low = c * n;
        let high = low + n;
        while (low < high) {
          const middle = (low + high) >>> 1;
          if (Math.floor(keys[middle] / KEY) > limit) high = middle;
          else low = middle + 1;
        }
        out[c] = (c * n + n - low) / n;
      }
      return out;
    }
    out.fill(0);
    for (let m = 0; m < n; m++) {
      const w = this.weight(m);
      const start = m * this.nCells;
      for (let c = 0; c < this.nCells; c++) if (this.codes[start + c] > limit) out[c] += w;
    }
    for (let c = 0; c < this.nCells; c++) if (this.missing[c]) out[c] = NaN;
    return out;
  }

  /** Correlation over the members of every cell with one of them. */
  correlation(cell: number, out: Float32Array): Float32Array {
    const { mean, std } = this.momentsOf();
    if (this.missing[cell] || !(std[cell] > 0)) return out.fill(NaN);
    const sum = new Float64Array(this.nCells);
    let n2 = 0;
    for (let m = 0; m < this.count; m++) {
      const w = this.weight(m);
      const start = m * this.nCells;
      const d = w * (this.codes[start + cell] - mean[cell]);
      n2 += w * w;
      if (d !== 0) for (let c = 0; c < this.nCells; c++) sum[c] += d * this.codes[start + c];
    }
    const free = 1 - n2;
    for (let c = 0; c < this.nCells; c++) {
      const r = sum[c] / (free * std[cell] * std[c]);
      out[c] = this.missing[c] || !(std[c] > 0) ? NaN : Math.min(1, Math.max(-1, r));
    }
    return out;
  }

  /** Quantiles of one column of cells: (level, depth). The last ones are kept. */
  profile(ix: number, levels: readonly number[]): Float32Array[] {
    const asked = [ix, ...levels].join();
    if (this.column?.asked !== asked) this.column = { asked, found: this.makeProfile(ix, levels) };
    return this.column.found;
  }

  private makeProfile(ix: number, levels: readonly number[]): Float32Array[] {
    const { nx, nz } = this.grid;
    const n = this.count;
    const found = levels.map(() => new Float32Array(nz).fill(NaN));
    const keys = new Uint32Array(n);
    for (let k = 0; k < nz; k++) {
      const cell = k * nx + ix;
      if (this.missing[cell] || n === 0) continue;
      for (let m = 0; m < n; m++) keys[m] = this.codes[m * this.nCells + cell] * KEY + m;
      keys.sort();
      levels.forEach((level, i) => {
        found[i][k] = this.value(this.weightedQuantile(keys, 0, level), cell);
      });
    }
    return found;
  }

  memberColumn(index: number, ix: number): Float32Array {
    const { nx, nz } = this.grid;
    const found = new Float32Array(nz);
    for (let k = 0; k < nz; k++) {
      const cell = k * nx + ix;
      found[k] = this.value(this.codes[index * this.nCells + cell], cell);
    }
    return found;
  }

  /** Sort columns for at most `milliseconds`; true when all are sorted. */
  sort(milliseconds: number): boolean {
    const n = this.count;
    if (!this.keys || this.keys.length !== n * this.nCells) {
      this.keys = new Uint32Array(n * this.nCells);
      this.nSorted = 0;
    }
    const until = performance.now() + milliseconds;
    while (this.nSorted < this.nCells) {
      // a few cells at a time: reading down the members is slow, so neighbours share it
      const stop = Math.min(this.nSorted + 64, this.nCells);
      for (let m = 0; m < n; m++) {
        const start = m * this.nCells;
        for (let c = this.nSorted; c < stop; c++)
          this.keys[c * n + m] = this.codes[start + c] * KEY + m;
      }
      for (let c = this.nSorted; c < stop; c++) this.keys.subarray(c * n, c * n + n).sort();
      this.nSorted = stop;
      if (performance.now() > until) break;
    }
    return this.isSorted;
  }

  private value(code: number, cell: number): number {
    if (this.missing[cell]) return NaN;
    return this.quantisation.offset + this.quantisation.scale * code;
  }

  private weightedQuantile(keys: Uint32Array, start: number, level: number): number {
    const n = this.count;
    const first = this.weight(keys[start] % KEY);
    const last = this.weight(keys[start + n - 1] % KEY);
    // distances between neighbours: half of both weights, so that equal weights give numpy's
    const goal = level * (1 - (first + last) / 2);
    let reached = 0;
    let before = first;
    for (let k = 1; k < n; k++) {
      const w = this.weight(keys[start + k] % KEY);
      const step = (before + w) / 2;
      if (reached + step >= goal || k === n - 1) {
        const a = Math.floor(keys[start + k - 1] / KEY);
        const b = Math.floor(keys[start + k] / KEY);
        const share = step > 0 ? Math.min(1, Math.max(0, (goal - reached) / step)) : 0;
        return a + share * (b - a);
      }
      reached += step;
      before = w;
    }
    return Math.floor(keys[start] / KEY);
  }

  private momentsOf(): { mean: Float64Array; std: Float64Array } {
    if (this.moments) return this.moments;
    const sum = new Float64Array(this.nCells);
    const square = new Float64Array(this.nCells);
    // about the first member: sums of small differences lose no digits
    let n2 = 0;
    for (let m = 0; m < this.count; m++) {
      const w = this.weight(m);
      n2 += w * w;
      const start = m * this.nCells;
      for (let c = 0; c < this.nCells; c++) {
        const d = this.codes[start + c] - this.codes[c];
        sum[c] += w * d;
        square[c] += w * d * d;
      }
    }
    const free = Math.max(1 - n2, 1e-12);
    const std = square;
    for (let c = 0; c < this.nCells; c++) {
      std[c] = Math.sqrt(Math.max(0, square[c] - sum[c] * sum[c]) / free);
      sum[c] += this.codes[c];
    }
    this.moments = { mean: sum, std };
    return this.moments;
  }

  private forget(): void {
    this.moments = null;
    this.column = null;
    this.keys = null;
    this.nSorted = 0;
  }
}
