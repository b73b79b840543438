import { describe, expect, it } from "vitest";
import { MISSING, Store } from "../src/section/store";
import { unpackCodes } from "../src/section/page";

const grid = { nx: 3, nz: 2, x0: 0, dx: 1, z0: 0, dz: 1 };
const N = 6;

/** Members whose first cell has no rock. */
function filled(n: number, seed = 1): { store: Store; values: number[][] } {
  const store = new Store(grid, { offset: 2, scale: 0.5 }, n);
  let state = seed;
  const next = (): number => (state = (state * 16807) % 2147483647) % 4000;
  const values: number[][] = [];
  for (let m = 0; m < n; m++) {
    const codes = Uint16Array.from({ length: N }, (_, c) => (c === 0 ? MISSING : next()));
    store.append(m, codes);
    values.push(Array.from(codes, (code, c) => (c === 0 ? NaN : 2 + 0.5 * code)));
  }
  return { store, values };
}
const column = (values: number[][], c: number): number[] => values.map((member) => member[c]);
const mean = (v: number[]): number => v.reduce((a, b) => a + b, 0) / v.length;
const std = (v: number[]): number =>
  Math.sqrt(v.reduce((a, b) => a + (b - mean(v)) ** 2, 0) / (v.length - 1));

/** numpy's default quantile. */
function quantile(v: number[], q: number): number {
  const sorted = [...v].sort((a, b) => a - b);
  const at = q * (v.length - 1);
  const low = Math.floor(at);
  return sorted[low] + (at - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
}

describe("statistics of the members", () => {
  const { store, values } = filled(17);
  const out = new Float32Array(N);

  it("gives members, mean and std of every cell, and none where there is no rock", () => {
    expect([...store.member(3, out)].slice(1)).toEqual(values[3].slice(1));
    expect(out[0]).toBeNaN();
    store.mean(out);
    for (let c = 1; c < N; c++) expect(out[c]).toBeCloseTo(mean(column(values, c)), 3);
    store.std(out);
    for (let c = 1; c < N; c++) expect(out[c]).toBeCloseTo(std(column(values, c)), 3);
    expect(out[0]).toBeNaN();
  });

  it("gives numpy's quantiles", () => {
    for (const level of [0, 0.025, 0.3, 0.5, 0.84, 1]) {
      store.quantile(level, out);
      for (let c = 1; c < N; c++)
        expect(out[c]).toBeCloseTo(quantile(column(values, c), level), 3);
    }
    const [low, high] = store.profile(2, [0.16, 0.84]);
    expect(low[1]).toBeCloseTo(quantile(column(values, 5), 0.16), 3);
    expect(high[0]).toBeCloseTo(quantile(column(values, 2), 0.84), 3);
  });

  it("counts exceedances, sorted or not, strictly above the threshold", () => {
    const edge = values[4][3];
    const share = (c: number): number =>
      column(values, c).filter((v) => v > edge).length / values.length;
    const other = filled(17).store;
    expect(other.isSorted).toBe(false);
    for (const each of [store, other]) {
      each.exceedance(edge, out);
      for (let c = 1; c < N; c++) expect(out[c]).toBeCloseTo(share(c), 6);
      expect(out[0]).toBeNaN();
    }
  });

  it("correlates cells", () => {
    store.correlation(2, out);
    expect(out[2]).toBeCloseTo(1, 5);
    const [a, b] = [column(values, 2), column(values, 4)];
    const product = a.reduce((s, v, i) => s + (v - mean(a)) * (b[i] - mean(b)), 0) / 16;
    expect(out[4]).toBeCloseTo(product / (std(a) * std(b)), 4);
    store.correlation(0, out);
    expect(out.every(Number.isNaN)).toBe(true);
  });
});

describe("weights", () => {
  it("of zero leave members out, and whole numbers repeat them", () => {
    const { store, values } = filled(5);
    const out = new Float32Array(N);
    store.setWeights([1, 0, 0, 0, 0]);
    store.mean(out);
    expect([...out].slice(1)).toEqual(values[0].slice(1).map((v) => Math.fround(v)));
    store.setWeights([2, 1, 0, 1, 0]);
    store.mean(out);
    const repeated = [values[0], values[0], values[1], values[3]];
    for (let c = 1; c < N; c++) expect(out[c]).toBeCloseTo(mean(column(repeated, c)), 3);
    store.exceedance(500, out);
    for (let c = 1; c < N; c++)
      expect(out[c]).toBeCloseTo(column(repeated, c).filter((v) => v > 500).length / 4, 6);
    expect(store.nEffective).toBeCloseTo(16 / 6, 6);
  });

  it("that are equal give the same quantiles as none", () => {
    const { store } = filled(9);
    const [a, b] = [new Float32Array(N), new Float32Array(N)];
    store.quantile(0.3, a);
    store.setWeights([2, 2, 2, 2, 2, 2, 2, 2, 2.0000001]);
    store.quantile(0.3, b);
    for (let c = 1; c < N; c++) expect(b[c]).toBeCloseTo(a[c], 2);
  });
});

describe("arrival of members", () => {
  it("takes them in order, grows beyond its capacity and ignores repeats", () => {
    const store = new Store(grid, { offset: 0, scale: 1 }, 1);
    const one = (v: number): Uint16Array => new Uint16Array(N).fill(v);
    store.append(0, one(4));
    store.append(0, one(9));
    store.append(2, one(9));
    store.append(1, one(6));
    expect(store.count).toBe(2);
    expect(store.mean(new Float32Array(N))[1]).toBe(5);
  });

  it("and other weights give a column another profile", () => {
    const { store } = filled(9);
    const out = new Float32Array(N);
    const agree = (level: number): void => {
      const [median] = store.profile(2, [level]);
      store.quantile(level, out);
      expect([...median]).toEqual([out[2], out[5]]);
    };
    agree(0.5);
    agree(0.3);
    store.setWeights([9, 1, 1, 1, 5, 1, 1, 1, 1]);
    agree(0.3);
    store.append(9, new Uint16Array(N).fill(65000));
    store.setWeights(null);
    agree(0.3);
    expect([...store.profile(1, [0.3])[0]]).toEqual([out[1], out[4]]);
  });

  it("sorts in slices", () => {
    const large = { ...grid, nx: 40, nz: 40 };
    const store = new Store(large, { offset: 0, scale: 1 }, 8);
    for (let m = 0; m < 8; m++)
      store.append(m, Uint16Array.from({ length: 1600 }, (_, c) => (c * 31 + m * 977) % 5000));
    let turns = 0;
    while (!store.sort(0)) turns += 1;
    expect(turns).toBeGreaterThan(5);
    expect(store.isSorted).toBe(true);
  });

  it("unpacks differences along depth", () => {
    const codes = [5, 7, MISSING, 6, 6, 300];
    const steps = codes.map((v, i) => (v - (i < 3 ? 0 : codes[i - 3]) + 65536) % 65536);
    const planes = Uint8Array.from([...steps.map((s) => s & 255), ...steps.map((s) => s >> 8)]);
    expect([...unpackCodes(planes, 3, 2)]).toEqual(codes);
  });
});
