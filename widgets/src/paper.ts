// A picture for print: SVG, or PNG at 300 dots per inch, 170 mm wide.
/** Width of a two-column figure [mm], and dots per inch of a PNG. */
export const PRINT_WIDTH = 170;
export const PRINT_DPI = 300;

/** A drawing on a 2-D context, of a size in CSS pixels. */
export interface Drawing {
  width: number;
  height: number;
  draw: (context: CanvasRenderingContext2D) => void;
}

export function toCanvas({ width, height, draw }: Drawing): HTMLCanvasElement {
  const scale = (PRINT_WIDTH / 25.4) * (PRINT_DPI / width);
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.scale(scale, scale);
  draw(context);
  return canvas;
}

/** Rasterise SVG text at print size. */
export async function svgToPng(svg: string, width: number, height: number): Promise<Blob> {
  const url = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = toCanvas({
      width,
      height,
      draw: (context) => context.drawImage(image, 0, 0, width, height),
    });
    return await toBlob(canvas);
  } finally {
    URL.revokeObjectURL(url);
  }
}

export function toBlob(canvas: HTMLCanvasElement): Promise<Blob> {
  return new Promise((resolve, reject) =>
    canvas.toBlob(
      (blob) => (blob ? resolve(blob) : reject(new Error("the picture is too large"))),
      "image/png",
    ),
  );
}

/** Hand a file to the person at the screen. */
export function download(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** A name of a file from a title: what every file system takes. */
export function fileName(title: string, extension: string): string {
  const plain = title
    .normalize("NFKD")
    .replace(/[^A-Za-z0-9._-]+/g, "_")
    .replace(/^[._]+|[._]+$/g, "")
    .slice(0, 80);
  return `${plain || "figure"}.${extension}`;
}
