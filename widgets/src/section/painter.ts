// The field's pixels: WebGL2 where there is one, a 2-D canvas elsewhere.
import { colourise } from "./colour";

/** Where the grid lies on the canvas, in pixels of the canvas. */
export interface Placement {
  left: number;
  top: number;
  width: number;
  height: number;
}

export interface Field {
  values: Float32Array;
  greyed: Uint8Array | null;
  low: number;
  high: number;
  lut: Uint32Array;
}

export interface Painter {
  readonly kind: "webgl2" | "canvas";
  paint(field: Field, nx: number, nz: number, place: Placement): void;
  resize(width: number, height: number): void;
  destroy(): void;
}

/** The grid as an image of one pixel per cell. */
export function imageOf(field: Field, nx: number, nz: number): HTMLCanvasElement {
  const image = document.createElement("canvas");
  image.width = nx;
  image.height = nz;
  drawCells(image, field, nx, nz);
  return image;
}

function drawCells(image: HTMLCanvasElement, field: Field, nx: number, nz: number): void {
  const context = image.getContext("2d");
  if (!context) return;
  const pixels = context.createImageData(nx, nz);
  colourise(
    field.values,
    field.low,
    field.high,
    field.lut,
    field.greyed,
    new Uint32Array(pixels.data.buffer),
  );
  context.putImageData(pixels, 0, 0);
}

class CanvasPainter implements Painter {
  readonly kind = "canvas";
  private readonly cells = document.createElement("canvas");

  constructor(private readonly canvas: HTMLCanvasElement) {}

  resize(width: number, height: number): void {
    this.canvas.width = width;
    this.canvas.height = height;
  }

  paint(field: Field, nx: number, nz: number, place: Placement): void {
    const context = this.canvas.getContext("2d");
    if (!context) return;
    if (this.cells.width !== nx || this.cells.height !== nz) {
      this.cells.width = nx;
      this.cells.height = nz;
    }
    drawCells(this.cells, field, nx, nz);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.imageSmoothingEnabled = false;
    context.drawImage(this.cells, place.left, place.top, place.width, place.height);
  }

  destroy(): void {
    this.cells.width = this.cells.height = 0;
  }
}

const VERTEX = `#version 300 es
in vec2 corner;
void main() { gl_Position = vec4(corner, 0.0, 1.0); }`;

const FRAGMENT = `#version 300 es
precision highp float;
precision highp sampler2D;
uniform sampler2D field;
uniform sampler2D lut;
uniform vec4 place;   // left, top, width, height of the grid [pixel]
uniform vec2 size;    // of the canvas [pixel]
uniform ivec2 cells;
uniform vec2 limits;
out vec4 colour;
void main() {
  vec2 at = vec2(gl_FragCoord.x, size.y - gl_FragCoord.y);
  ivec2 cell = ivec2(floor((at - place.xy) / place.zw * vec2(cells)));
  if (cell.x < 0 || cell.y < 0 || cell.x >= cells.x || cell.y >= cells.y) { colour = vec4(0.0); return; }
  vec2 v = texelFetch(field, cell, 0).rg;
  if (v.g < 0.25) { colour = vec4(0.0); return; }
  if (v.g < 0.75) { colour = vec4(vec3(185.0 / 255.0), 1.0); return; }
  float t = limits.y > limits.x ? (v.r - limits.x) / (limits.y - limits.x) : 0.0;
  int k = int(clamp(floor(t * 256.0), 0.0, 255.0));
  colour = texelFetch(lut, ivec2(k, 0), 0);
}`;

class GlPainter implements Painter {
  readonly kind = "webgl2";
  private readonly program: WebGLProgram;
  private readonly field: WebGLTexture;
  private readonly lut: WebGLTexture;
  private shown: Uint32Array | null = null;
  private cells: Float32Array = new Float32Array(0);
  private shape = "";

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly gl: WebGL2RenderingContext,
  ) {
    const shader = (kind: number, source: string): WebGLShader => {
      const made = gl.createShader(kind) as WebGLShader;
      gl.shaderSource(made, source);
      gl.compileShader(made);
      if (!gl.getShaderParameter(made, gl.COMPILE_STATUS))
        throw new Error(gl.getShaderInfoLog(made) ?? "shader");
      return made;
    };
    this.program = gl.createProgram();
    gl.attachShader(this.program, shader(gl.VERTEX_SHADER, VERTEX));
    gl.attachShader(this.program, shader(gl.FRAGMENT_SHADER, FRAGMENT));
    gl.bindAttribLocation(this.program, 0, "corner");
    gl.linkProgram(this.program);
    if (!gl.getProgramParameter(this.program, gl.LINK_STATUS))
      throw new Error(gl.getProgramInfoLog(this.program) ?? "program");
    gl.useProgram(this.program);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 3, -1, -1, 3]), gl.STATIC_DRAW);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
    const texture = (unit: number, name: string): WebGLTexture => {
      const made = gl.createTexture();
      gl.activeTexture(gl.TEXTURE0 + unit);
      gl.bindTexture(gl.TEXTURE_2D, made);
      for (const side of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER])
        gl.texParameteri(gl.TEXTURE_2D, side, gl.NEAREST);
      for (const side of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T])
        gl.texParameteri(gl.TEXTURE_2D, side, gl.CLAMP_TO_EDGE);
      gl.uniform1i(gl.getUniformLocation(this.program, name), unit);
      return made;
    };
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    this.field = texture(0, "field");
    this.lut = texture(1, "lut");
  }

  resize(width: number, height: number): void {
    this.canvas.width = width;
    this.canvas.height = height;
    this.gl.viewport(0, 0, width, height);
  }

  paint(field: Field, nx: number, nz: number, place: Placement): void {
    const { gl } = this;
    const n = nx * nz;
    if (this.cells.length !== 2 * n) this.cells = new Float32Array(2 * n);
    const { values, greyed } = field;
    for (let i = 0; i < n; i++) {
      const v = values[i];
      const isThere = v === v;
      this.cells[2 * i] = isThere ? v : 0;
      this.cells[2 * i + 1] = isThere ? (greyed?.[i] ? 0.5 : 1) : 0;
    }
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, this.field);
    const shape = `${nx}x${nz}`;
    if (shape !== this.shape) {
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RG32F, nx, nz, 0, gl.RG, gl.FLOAT, this.cells);
      this.shape = shape;
    } else gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, nx, nz, gl.RG, gl.FLOAT, this.cells);
    if (field.lut !== this.shown) {
      gl.activeTexture(gl.TEXTURE1);
      gl.bindTexture(gl.TEXTURE_2D, this.lut);
      const bytes = new Uint8Array(field.lut.buffer, field.lut.byteOffset, 1024);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 256, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, bytes);
      this.shown = field.lut;
    }
    const at = (name: string): WebGLUniformLocation | null =>
      gl.getUniformLocation(this.program, name);
    gl.uniform4f(at("place"), place.left, place.top, place.width, place.height);
    gl.uniform2f(at("size"), this.canvas.width, this.canvas.height);
    gl.uniform2i(at("cells"), nx, nz);
    gl.uniform2f(at("limits"), field.low, field.high);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }

  destroy(): void {
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }
}

let isEmulated: boolean | null = null;

/** Whether WebGL runs on the processor, where it takes twice as long as a 2-D canvas. */
function isGlEmulated(): boolean {
  if (isEmulated === null) {
    const gl = document.createElement("canvas").getContext("webgl2");
    const told = gl?.getExtension("WEBGL_debug_renderer_info")?.UNMASKED_RENDERER_WEBGL;
    const name = gl && told ? String(gl.getParameter(told)) : "";
    isEmulated = /swiftshader|llvmpipe|softpipe|software|basic render/i.test(name);
    gl?.getExtension("WEBGL_lose_context")?.loseContext();
  }
  return isEmulated;
}

/** The fastest painter that this browser has, or the one asked for. */
export function makePainter(canvas: HTMLCanvasElement, wanted = "auto"): Painter {
  if (wanted === "webgl2" || (wanted !== "canvas" && !isGlEmulated())) {
    // a context must be asked for on a canvas that has none of another kind yet
    const gl = canvas.getContext("webgl2", { antialias: false, preserveDrawingBuffer: true });
    if (gl) {
      try {
        return new GlPainter(canvas, gl);
      } catch (error) {
        console.warn("seisnb: WebGL2 failed, drawing on a 2-D canvas", error);
        const fresh = canvas.cloneNode() as HTMLCanvasElement;
        canvas.replaceWith(fresh);
        return new CanvasPainter(fresh);
      }
    }
  }
  return new CanvasPainter(canvas);
}
