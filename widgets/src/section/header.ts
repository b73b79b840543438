// What the kernel sends before the members: the grid, words, overlays and how to paint.
import type { Grid, Quantisation } from "./store";

/** One named field of its own, such as the ray coverage or the prior's mean. */
export interface FieldInfo {
  name: string;
  label: string;
  title: string;
  palette: string;
  low: number;
  high: number;
}

export interface OverlayInfo {
  name: string;
  label: string;
  kind: "line" | "points" | "cloud" | "fill";
  colour: string;
  width?: number;
  dash?: number[];
  alpha?: number;
  marker?: "circle" | "triangle" | "inverted" | "star" | "cross" | "plus" | "square";
  size?: number;
  outline?: boolean;
  /** Shown at first. */
  visible: boolean;
  /** Number of points; each has x, z and, for a fill, the other edge. */
  n: number;
}

export interface Header {
  revision: number;
  title: string;
  grid: Grid;
  quantisation: Quantisation;
  nMembers: number;
  names: string[];
  weights: number[] | null;
  otherWeights: number[] | null;
  otherWeightsLabel: string;
  unit: string;
  label: string;
  xLabel: string;
  zLabel: string;
  lengthUnit: string;
  isElevation: boolean;
  limits: [number, number];
  stdLimits: [number, number];
  top: number;
  bottom: number;
  fields: FieldInfo[];
  overlays: OverlayInfo[];
  palettes: Record<string, string>;
  quantities: string[];
  note: string;
  isGrowing: boolean;
}

export interface Overlay extends OverlayInfo {
  x: Float32Array;
  z: Float32Array;
  other: Float32Array | null;
}

export interface Section {
  header: Header;
  fields: Map<string, Float32Array>;
  overlays: Overlay[];
}

const PARTS = { fill: 3 } as Record<string, number>;

/** The header with its two buffers: fields, then points of the overlays, as 32-bit floats. */
export function unpack(header: Header, fields: ArrayBuffer, points: ArrayBuffer): Section {
  const nCells = header.grid.nx * header.grid.nz;
  const values = new Float32Array(fields);
  const found = new Map<string, Float32Array>();
  header.fields.forEach((info, i) =>
    found.set(info.name, values.subarray(i * nCells, (i + 1) * nCells)),
  );
  const numbers = new Float32Array(points);
  let at = 0;
  const overlays = header.overlays.map((info): Overlay => {
    const take = (): Float32Array => numbers.subarray(at, (at += info.n));
    const x = take();
    const z = take();
    return { ...info, x, z, other: PARTS[info.kind] === 3 ? take() : null };
  });
  return { header, fields: found, overlays };
}
