// What we use of BokehJS, which comes from the kernel.
interface BokehDocument {
  clear(): void;
  on_change(callback: (change: BokehChange) => void): void;
  create_json_patch(events: BokehChange[]): unknown;
  apply_json_patch(patch: unknown, buffers: Map<string, ArrayBuffer>): void;
}
interface BokehChange {
  kind?: string;
  sync?: boolean;
  model?: { type: string; tags?: unknown[] };
  events?: BokehChange[];
}
interface BokehLayer {
  to_blob(): Promise<Blob>;
}
interface BokehView {
  export(kind: "svg", hidpi: boolean): BokehLayer;
  bbox: { width: number; height: number };
}
interface BokehLibrary {
  version: string;
  require(name: string): Record<string, unknown>;
}
interface Window {
  Bokeh?: BokehLibrary;
}
