// The picture around the field: axes, overlays, colour bar, profile. On screen and on paper.
import { isolines } from "./contour";
import { cssOf } from "./colour";
import type { Header, Overlay } from "./header";
import type { Field } from "./painter";
import { niceStep, shown, tickText, ticks } from "./scale";

/** The part of the section on show, display units; z grows downwards. */
export interface Range {
  x0: number;
  x1: number;
  z0: number;
  z1: number;
}

export interface Theme {
  ink: string;
  soft: string;
  paper: string;
  grid: string;
  /** Of the ensemble's own curves. */
  curve: string;
}

export const PAPER: Theme = {
  ink: "#1a1a1a",
  soft: "#555555",
  paper: "#ffffff",
  grid: "#dddddd",
  curve: "#2b6a7c",
};

/** The same curves on a dark page. */
export const CURVE_ON_DARK = "#7cc4d8";

/** A curve of the profile beside the section. */
export interface Curve {
  kind: "band" | "line";
  x: Float32Array;
  other?: Float32Array;
  /** Empty: the theme's. */
  colour: string;
  label: string;
  dash?: number[];
  width?: number;
  alpha?: number;
}

export interface Profile {
  title: string;
  z: Float32Array;
  curves: Curve[];
  low: number;
  high: number;
  label: string;
}

/** Where things are, in CSS pixels. */
export interface Layout {
  width: number;
  height: number;
  left: number;
  top: number;
  plotWidth: number;
  plotHeight: number;
  profileLeft: number;
  profileWidth: number;
}

type Context = CanvasRenderingContext2D;

const FONT = 'Helvetica, Arial, "Liberation Sans", sans-serif';
const SIZE = 12;

export function layoutOf(width: number, plotHeight: number, hasProfile: boolean): Layout {
  const left = 58;
  const bar = 74;
  const top = 10;
  const below = 46;
  const profileWidth = hasProfile ? Math.min(230, Math.max(150, width * 0.22)) : 0;
  const gap = hasProfile ? 62 : 0;
  const plotWidth = Math.max(120, width - left - bar - gap - profileWidth - 8);
  return {
    width,
    height: top + plotHeight + below,
    left,
    top,
    plotWidth,
    plotHeight,
    profileLeft: width - profileWidth - 8,
    profileWidth,
  };
}

export function xPixel(layout: Layout, range: Range, x: number): number {
  return layout.left + ((x - range.x0) / (range.x1 - range.x0)) * layout.plotWidth;
}

export function zPixel(layout: Layout, range: Range, z: number): number {
  return layout.top + ((z - range.z0) / (range.z1 - range.z0)) * layout.plotHeight;
}

function clipped(context: Context, layout: Layout, draw: () => void): void {
  context.save();
  context.beginPath();
  context.rect(layout.left, layout.top, layout.plotWidth, layout.plotHeight);
  context.clip();
  draw();
  context.restore();
}

export function drawContours(
  context: Context,
  header: Header,
  layout: Layout,
  range: Range,
  field: Field,
  step: number,
): void {
  const { nx, nz, x0, dx, z0, dz } = header.grid;
  const lines = isolines(field.values, field.greyed, nx, nz, field.low, field.high, step);
  clipped(context, layout, () => {
    context.strokeStyle = "rgba(26, 26, 26, 0.5)";
    context.lineWidth = 0.8;
    const labels: [string, number, number][] = [];
    context.beginPath();
    lines.forEach((strokes, k) => {
      if (!strokes.length) return;
      for (let i = 0; i < strokes.length; i += 4) {
        context.moveTo(
          xPixel(layout, range, x0 + strokes[i] * dx),
          zPixel(layout, range, z0 + strokes[i + 1] * dz),
        );
        context.lineTo(
          xPixel(layout, range, x0 + strokes[i + 2] * dx),
          zPixel(layout, range, z0 + strokes[i + 3] * dz),
        );
      }
      const level = (Math.ceil(field.low / step - 1e-9) + k) * step;
      const at = 4 * Math.floor((strokes.length / 4) * (k % 2 ? 0.35 : 0.65));
      if (strokes.length > 0.24 * nx)
        labels.push([
          tickText(level, step),
          xPixel(layout, range, x0 + strokes[at] * dx),
          zPixel(layout, range, z0 + strokes[at + 1] * dz),
        ]);
    });
    context.stroke();
    context.font = `${SIZE - 1}px ${FONT}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    for (const [text, x, z] of labels) {
      const wide = context.measureText(text).width + 4;
      context.fillStyle = "rgba(255, 255, 255, 0.65)";
      context.fillRect(x - wide / 2, z - 7, wide, 14);
      context.fillStyle = "#1a1a1a";
      context.fillText(text, x, z);
    }
  });
}

const MARKERS: Record<string, (c: Context, x: number, y: number, r: number) => void> = {
  circle: (c, x, y, r) => c.arc(x, y, r, 0, 2 * Math.PI),
  square: (c, x, y, r) => c.rect(x - r, y - r, 2 * r, 2 * r),
  triangle: (c, x, y, r) => polygon(c, [x, y - r, x + r, y + r, x - r, y + r]),
  inverted: (c, x, y, r) => polygon(c, [x, y + r, x + r, y - r, x - r, y - r]),
  star: (c, x, y, r) =>
    polygon(
      c,
      Array.from({ length: 10 }, (_, i) => {
        const angle = (i * Math.PI) / 5 - Math.PI / 2;
        const reach = i % 2 ? 0.45 * r : 1.2 * r;
        return [x + reach * Math.cos(angle), y + reach * Math.sin(angle)];
      }).flat(),
    ),
  plus: (c, x, y, r) => {
    c.moveTo(x - r, y);
    c.lineTo(x + r, y);
    c.moveTo(x, y - r);
    c.lineTo(x, y + r);
  },
  cross: (c, x, y, r) => {
    c.moveTo(x - r, y - r);
    c.lineTo(x + r, y + r);
    c.moveTo(x - r, y + r);
    c.lineTo(x + r, y - r);
  },
};

function polygon(c: Context, points: number[]): void {
  c.moveTo(points[0], points[1]);
  for (let i = 2; i < points.length; i += 2) c.lineTo(points[i], points[i + 1]);
  c.closePath();
}

function trace(context: Context, layout: Layout, range: Range, x: Float32Array, z: Float32Array): void {
  let isDown = false;
  for (let i = 0; i < x.length; i++) {
    if (x[i] !== x[i] || z[i] !== z[i]) isDown = false;
    else {
      const at: [number, number] = [xPixel(layout, range, x[i]), zPixel(layout, range, z[i])];
      if (isDown) context.lineTo(...at);
      else context.moveTo(...at);
      isDown = true;
    }
  }
}

export function drawOverlays(
  context: Context,
  layout: Layout,
  range: Range,
  overlays: readonly Overlay[],
  theme: Theme,
): void {
  clipped(context, layout, () => {
    for (const each of overlays) {
      const colour = each.colour === "paper" ? theme.paper : each.colour === "ink" ? theme.ink : each.colour;
      context.globalAlpha = each.alpha ?? 1;
      context.setLineDash(each.dash ?? []);
      context.lineWidth = each.width ?? 1.5;
      context.strokeStyle = context.fillStyle = colour;
      context.beginPath();
      if (each.kind === "line") {
        trace(context, layout, range, each.x, each.z);
        context.stroke();
      } else if (each.kind === "fill" && each.other) {
        trace(context, layout, range, each.x, each.z);
        for (let i = each.x.length - 1; i >= 0; i--)
          context.lineTo(
            xPixel(layout, range, each.x[i]),
            zPixel(layout, range, each.other[i]),
          );
        context.fill();
      } else if (each.kind === "cloud") {
        const r = each.size ?? 1.2;
        for (let i = 0; i < each.x.length; i++)
          context.rect(
            xPixel(layout, range, each.x[i]) - r,
            zPixel(layout, range, each.z[i]) - r,
            2 * r,
            2 * r,
          );
        context.fill();
      } else if (each.kind === "points") {
        const marker = MARKERS[each.marker ?? "circle"];
        const isStroke = each.marker === "plus" || each.marker === "cross";
        for (let i = 0; i < each.x.length; i++) {
          const x = xPixel(layout, range, each.x[i]);
          const z = zPixel(layout, range, each.z[i]);
          if (!isStroke) context.beginPath();
          marker(context, x, z, each.size ?? 4);
          if (!isStroke) {
            context.fillStyle = colour;
            context.fill();
            if (each.outline !== false) {
              context.strokeStyle = "#1a1a1a";
              context.lineWidth = 0.7;
              context.stroke();
            }
          }
        }
        if (isStroke) context.stroke();
      }
    }
    context.setLineDash([]);
    context.globalAlpha = 1;
  });
}

/** Frame, ticks and labels of the section. */
export function drawAxes(
  context: Context,
  header: Header,
  layout: Layout,
  range: Range,
  theme: Theme,
): void {
  const { left, top, plotWidth, plotHeight } = layout;
  context.strokeStyle = context.fillStyle = theme.ink;
  context.lineWidth = 1;
  context.strokeRect(left - 0.5, top - 0.5, plotWidth + 1, plotHeight + 1);
  context.font = `${SIZE}px ${FONT}`;
  context.textAlign = "center";
  context.textBaseline = "top";
  const n = Math.max(3, Math.floor(plotWidth / 80));
  const step = niceStep(range.x1 - range.x0, n);
  drawTicksBelow(context, layout, range, ticks(range.x0, range.x1, n), step);
  context.fillText(header.xLabel, left + plotWidth / 2, top + plotHeight + 26);
  drawDepthTicks(context, header, layout, range, left);
  context.save();
  context.translate(14, top + plotHeight / 2);
  context.rotate(-Math.PI / 2);
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(header.zLabel, 0, 0);
  context.restore();
}

function drawDepthTicks(
  context: Context,
  header: Header,
  layout: Layout,
  range: Range,
  left: number,
  hasText = true,
): void {
  const n = Math.max(3, Math.floor(layout.plotHeight / 45));
  const step = niceStep(range.z1 - range.z0, n);
  context.textAlign = "right";
  context.textBaseline = "middle";
  const places = ticks(range.z0, range.z1, n);
  strokes(
    context,
    places.map((z) => {
      const at = zPixel(layout, range, z);
      return [left - 5, at, left, at];
    }),
  );
  if (!hasText) return;
  for (const z of places)
    context.fillText(
      tickText(header.isElevation ? -z : z, step),
      left - 8,
      zPixel(layout, range, z),
    );
}

/** Strokes in one path. Words go after it: on SVG, text within a path ends the path. */
function strokes(context: Context, lines: readonly (readonly number[])[]): void {
  context.beginPath();
  for (const [x0, y0, x1, y1] of lines) {
    context.moveTo(x0, y0);
    context.lineTo(x1, y1);
  }
  context.stroke();
}

/** Ticks under the axes, with their numbers. */
function drawTicksBelow(
  context: Context,
  layout: Layout,
  range: Range,
  places: readonly number[],
  step: number,
): void {
  const low = layout.top + layout.plotHeight;
  strokes(
    context,
    places.map((v) => {
      const at = xPixel(layout, range, v);
      return [at, low, at, low + 5];
    }),
  );
  for (const v of places)
    context.fillText(tickText(v, step), xPixel(layout, range, v), low + 8);
}

/** The colour bar right of the section. */
export function drawBar(
  context: Context,
  layout: Layout,
  field: Field,
  label: string,
  theme: Theme,
): void {
  const x = layout.left + layout.plotWidth + 12;
  const wide = 14;
  const { top, plotHeight } = layout;
  for (let i = 0; i < 256; i++) {
    context.fillStyle = cssOf(field.lut[255 - i]);
    context.fillRect(x, top + (i * plotHeight) / 256, wide, plotHeight / 256 + 0.6);
  }
  context.strokeStyle = context.fillStyle = theme.ink;
  context.lineWidth = 1;
  context.strokeRect(x - 0.5, top - 0.5, wide + 1, plotHeight + 1);
  context.font = `${SIZE}px ${FONT}`;
  context.textAlign = "left";
  context.textBaseline = "middle";
  const n = Math.max(2, Math.floor(plotHeight / 45));
  const step = niceStep(field.high - field.low, n);
  let widest = 0;
  const places = ticks(field.low, field.high, n);
  const level = (v: number): number =>
    top + plotHeight * (1 - (v - field.low) / (field.high - field.low || 1));
  strokes(
    context,
    places.map((v) => [x + wide, level(v), x + wide + 4, level(v)]),
  );
  for (const v of places) {
    const text = tickText(v, step);
    context.fillText(text, x + wide + 6, level(v));
    widest = Math.max(widest, context.measureText(text).width);
  }
  context.save();
  context.translate(x + wide + 20 + widest, top + plotHeight / 2);
  context.rotate(-Math.PI / 2);
  context.textAlign = "center";
  context.fillText(label, 0, 0, plotHeight + 40);
  context.restore();
}

/** Velocity against depth beside the section, on the section's own depth axis. */
export function drawProfile(
  context: Context,
  header: Header,
  layout: Layout,
  range: Range,
  profile: Profile,
  theme: Theme,
): void {
  const { profileLeft: left, profileWidth: wide, top, plotHeight } = layout;
  const own = { ...layout, left, plotWidth: wide };
  const span: Range = { ...range, x0: profile.low, x1: profile.high };
  context.font = `${SIZE}px ${FONT}`;
  context.strokeStyle = theme.grid;
  context.lineWidth = 1;
  const n = 3;
  const step = niceStep(profile.high - profile.low, n);
  context.beginPath();
  for (const v of ticks(profile.low, profile.high, n)) {
    const at = xPixel(own, span, v);
    context.moveTo(at, top);
    context.lineTo(at, top + plotHeight);
  }
  context.stroke();
  clipped(context, own, () => {
    for (const curve of profile.curves) {
      context.globalAlpha = curve.alpha ?? 1;
      context.strokeStyle = context.fillStyle = curve.colour || theme.curve;
      context.lineWidth = curve.width ?? 1.5;
      context.setLineDash(curve.dash ?? []);
      context.beginPath();
      if (curve.kind === "line") {
        trace(context, own, span, curve.x, profile.z);
        context.stroke();
      } else if (curve.other) {
        const inside = [...profile.z.keys()].filter(
          (k) => curve.x[k] === curve.x[k] && curve.other?.[k] === curve.other?.[k],
        );
        inside.forEach((k, i) => {
          const at: [number, number] = [
            xPixel(own, span, curve.x[k]),
            zPixel(own, span, profile.z[k]),
          ];
          if (i) context.lineTo(...at);
          else context.moveTo(...at);
        });
        for (const k of inside.reverse())
          context.lineTo(
            xPixel(own, span, (curve.other as Float32Array)[k]),
            zPixel(own, span, profile.z[k]),
          );
        context.fill();
      }
    }
    context.setLineDash([]);
    context.globalAlpha = 1;
  });
  context.strokeStyle = context.fillStyle = theme.ink;
  context.lineWidth = 1;
  context.strokeRect(left - 0.5, top - 0.5, wide + 1, plotHeight + 1);
  context.textAlign = "center";
  context.textBaseline = "top";
  drawTicksBelow(context, own, span, ticks(profile.low, profile.high, n), step);
  context.fillText(profile.label, left + wide / 2, top + plotHeight + 26);
  drawDepthTicks(context, header, layout, range, left, false);
  drawKey(context, own, profile, theme);
}

/** What the profile's curves are, in its emptier upper right corner. */
function drawKey(context: Context, layout: Layout, profile: Profile, theme: Theme): void {
  const named = profile.curves.filter((curve) => curve.label);
  if (layout.plotHeight < 150) return;
  context.font = `${SIZE - 1}px ${FONT}`;
  const wide = 26 + Math.max(...named.map((curve) => context.measureText(curve.label).width));
  const x = layout.left + layout.plotWidth - wide - 4;
  const tall = 15 * named.length + 6;
  context.globalAlpha = 0.8;
  context.fillStyle = theme.paper;
  context.fillRect(x - 2, layout.top + 4, wide + 2, tall);
  context.globalAlpha = 1;
  context.textAlign = "left";
  context.textBaseline = "middle";
  named.forEach((curve, i) => {
    const y = layout.top + 14 + 15 * i;
    context.strokeStyle = context.fillStyle = curve.colour || theme.curve;
    if (curve.kind === "band") {
      context.globalAlpha = curve.alpha ?? 1;
      context.fillRect(x + 2, y - 5, 16, 10);
      context.globalAlpha = 1;
    } else {
      context.lineWidth = curve.width ?? 1.5;
      context.setLineDash(curve.dash ?? []);
      context.beginPath();
      context.moveTo(x + 2, y);
      context.lineTo(x + 18, y);
      context.stroke();
      context.setLineDash([]);
    }
    context.fillStyle = theme.ink;
    context.fillText(curve.label, x + 23, y);
  });
}

/** Crosshair of the picked point and, thinner, of the cursor. */
export function drawMarks(
  context: Context,
  layout: Layout,
  range: Range,
  picked: readonly [number, number] | null,
  cursor: readonly [number, number] | null,
  theme: Theme,
): void {
  const stroke = (at: readonly [number, number], dash: number[], colour: string): void => {
    const x = xPixel(layout, range, at[0]);
    const z = zPixel(layout, range, at[1]);
    context.setLineDash(dash);
    context.strokeStyle = colour;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(x, layout.top);
    context.lineTo(x, layout.top + layout.plotHeight);
    context.moveTo(layout.left, z);
    context.lineTo(layout.left + layout.plotWidth, z);
    context.stroke();
    context.setLineDash([]);
  };
  clipped(context, layout, () => {
    if (cursor) stroke(cursor, [1, 3], theme.ink);
    if (picked) {
      stroke(picked, [5, 4], "#ffffff");
      context.save();
      context.translate(0, 0);
      stroke(picked, [5, 9], "#1a1a1a");
      context.restore();
    }
  });
}

/** Words of a value at a place. */
export function readout(header: Header, x: number, z: number, words: readonly string[]): string {
  const depth = header.isElevation ? -z : z;
  return [
    `${shown(x)}, ${shown(depth)} ${header.lengthUnit}`,
    ...words,
  ].join(" · ");
}
