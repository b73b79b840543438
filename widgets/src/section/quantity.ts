// What the section can show of an ensemble, in words, colours and numbers.
import type { Section } from "./header";
import { niceLimits, shown } from "./scale";
import type { Store } from "./store";

export interface Asked {
  quantity: string;
  member: number;
  level: number;
  threshold: number;
  picked: readonly [number, number] | null;
}

export interface Words {
  title: string;
  label: string;
  palette: string;
  limits: [number, number];
  /** Whether isolines mean something. */
  hasContours: boolean;
}

const NAMES: Record<string, string> = {
  mean: "Mean",
  member: "Single member",
  std: "Uncertainty (std)",
  relative: "Relative uncertainty (std / mean)",
  quantile: "Quantile",
  exceedance: "Probability above a velocity",
  correlation: "Correlation with the picked point",
};

/** Names of everything on offer, in the order of the list. */
export function choices(section: Section): [string, string][] {
  const own = section.header.quantities.map((name): [string, string] => [
    name,
    NAMES[name] ?? name,
  ]);
  return [
    ...own,
    ...section.header.fields
      .filter((field) => field.title)
      .map((field): [string, string] => [field.name, field.title]),
  ];
}

export function wordsOf(section: Section, store: Store, asked: Asked): Words {
  const { header } = section;
  const { quantity } = asked;
  const velocity = { palette: "velocity", limits: header.limits, hasContours: true };
  const n = store.count;
  const members = header.isGrowing ? `${n} members so far` : `${n} members`;
  switch (quantity) {
    case "mean":
      return { title: `Mean of ${members}`, label: header.label, ...velocity };
    case "member": {
      const name = header.names[asked.member];
      const told = `Member ${asked.member + 1} of ${n}${name ? ` (${name})` : ""}`;
      return { title: told, label: header.label, ...velocity };
    }
    case "quantile":
      return {
        title: `${shown(100 * asked.level)} % quantile of ${members}`,
        label: header.label,
        ...velocity,
      };
    case "std":
      return {
        title: `Uncertainty (1 std) of ${members}`,
        label: `Std (${header.unit})`,
        palette: "std",
        limits: header.stdLimits,
        hasContours: false,
      };
    case "relative":
      return {
        title: `Relative uncertainty of ${members}`,
        label: "Std / mean (%)",
        palette: "std",
        limits: [0, 30],
        hasContours: false,
      };
    case "exceedance":
      return {
        title: `Probability of more than ${shown(asked.threshold)} ${header.unit}`,
        label: "Probability",
        palette: "probability",
        limits: [0, 1],
        hasContours: true,
      };
    case "correlation": {
      const z = asked.picked && (header.isElevation ? -asked.picked[1] : asked.picked[1]);
      const at = asked.picked
        ? `the velocity at ${shown(asked.picked[0])}, ${shown(z as number)} ${header.lengthUnit}`
        : "a point: click one";
      return {
        title: `Correlation with ${at}`,
        label: "Correlation",
        palette: "diverging",
        limits: [-1, 1],
        hasContours: false,
      };
    }
    default: {
      const field = header.fields.find((each) => each.name === quantity);
      if (!field) return { title: "", label: "", ...velocity };
      return {
        title: field.title,
        label: field.label,
        palette: field.palette,
        limits: [field.low, field.high],
        hasContours: false,
      };
    }
  }
}

/** Index of the cell at a place; null off the grid. */
export function cellAt(section: Section, x: number, z: number): number | null {
  const { nx, nz, x0, dx, z0, dz } = section.header.grid;
  const i = Math.round((x - x0) / dx);
  const k = Math.round((z - z0) / dz);
  return i < 0 || k < 0 || i >= nx || k >= nz ? null : k * nx + i;
}

/** Fill `out` with the quantity; NaN where it has no value. */
export function valuesOf(section: Section, store: Store, asked: Asked, out: Float32Array): void {
  if (store.count === 0 && section.header.quantities.includes(asked.quantity)) {
    out.fill(NaN);
    return;
  }
  switch (asked.quantity) {
    case "mean":
      store.mean(out);
      break;
    case "member":
      store.member(Math.min(Math.max(asked.member, 0), store.count - 1), out);
      break;
    case "std":
      store.std(out);
      break;
    case "relative": {
      const mean = store.mean(new Float32Array(out.length));
      store.std(out);
      for (let c = 0; c < out.length; c++) out[c] = (100 * out[c]) / mean[c];
      break;
    }
    case "quantile":
      store.quantile(asked.level, out);
      break;
    case "exceedance":
      store.exceedance(asked.threshold, out);
      break;
    case "correlation": {
      const cell = asked.picked && cellAt(section, ...asked.picked);
      if (cell === null) out.fill(NaN);
      else store.correlation(cell, out);
      break;
    }
    default:
      out.set(section.fields.get(asked.quantity) ?? new Float32Array(out.length).fill(NaN));
  }
}

/** Limits that fit what is on show: the middle 98 % of the values, rounded. */
export function fittedLimits(values: Float32Array): [number, number] | null {
  const there = values.filter((v) => v === v).sort();
  if (!there.length) return null;
  const at = (share: number): number => there[Math.round(share * (there.length - 1))];
  return niceLimits(at(0.01), at(0.99));
}
