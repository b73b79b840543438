// A drawing as SVG, 170 mm wide.
import SvgContext from "svgcanvas/context.js";
import { type Drawing, PRINT_WIDTH } from "./paper";

export function toSvg({ width, height, draw }: Drawing): string {
  const context = new SvgContext(width, height);
  draw(context as unknown as CanvasRenderingContext2D);
  const tall = (PRINT_WIDTH * height) / width;
  return context
    .getSerializedSvg(true)
    .replace(
      /width="[\d.]+" height="[\d.]+"/,
      `width="${PRINT_WIDTH}mm" height="${tall.toFixed(2)}mm" viewBox="0 0 ${width} ${height}"`,
    );
}
