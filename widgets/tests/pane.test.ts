import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { mend } from "../src/a11y";
import { LocalModel } from "../src/model";
import widget from "../src/pane";
import preload from "../src/preload";

type State = Record<string, unknown>;
const state = { bokeh_version: "3.9", description: "a figure", revision: 0, has_export: true };

function fakeBokeh(): { patches: unknown[]; change: (event: unknown) => void; cleared: () => number } {
  let heard: (event: unknown) => void = () => undefined;
  let n = 0;
  const patches: unknown[] = [];
  const document = {
    clear: () => (n += 1),
    on_change: (f: typeof heard) => (heard = f),
    create_json_patch: (events: unknown[]) => ({ events }),
    apply_json_patch: (patch: unknown, buffers: Map<string, ArrayBuffer>) => {
      patches.push([patch, [...buffers.values()].map((b) => b.byteLength)]);
      heard({ kind: "ModelChanged", model: { type: "Selection" } }); // must not be sent back
    },
  };
  window.Bokeh = {
    version: "3.9",
    require: (name: string) =>
      name === "document"
        ? { Document: { from_json: () => document } }
        : { add_document_standalone: () => Promise.resolve({ roots: [] }) },
  } as never;
  return { patches, change: (event) => heard(event), cleared: () => n };
}

describe("a pane", () => {
  let bokeh: ReturnType<typeof fakeBokeh>;
  let model: LocalModel<State>;
  let el: HTMLElement;
  let close: () => void;
  const settle = (): Promise<void> => new Promise((done) => setTimeout(done, 0));

  beforeEach(async () => {
    bokeh = fakeBokeh();
    model = new LocalModel<State>(state);
    el = document.createElement("div");
    close = widget.render({ model, el } as never) as () => void;
    await settle();
    const { id } = model.sent[0] as { id: string };
    const answer = { re: id, doc: "{}", roots: ["p1"], listen: ["Selection"], revision: 0 };
    model.emit("msg:custom", answer, []);
    await settle();
  });
  afterEach(() => {
    delete window.Bokeh;
    delete (window as { __seisnb_turn?: unknown }).__seisnb_turn;
    vi.restoreAllMocks();
  });

  it("asks for the current document and names itself and its buttons", () => {
    const host = el.querySelector(".seisnb-pane") as HTMLElement;
    expect(host.dataset.ready).toBe("0");
    expect(host.getAttribute("aria-label")).toBe("a figure");
    const names = [...el.querySelectorAll("button")].map((b) => b.getAttribute("aria-label"));
    expect(names).toEqual(["PNG of a figure", "SVG of a figure"]);
  });

  it("sends selections and models that are heard, and nothing else", () => {
    bokeh.change({ kind: "ModelChanged", model: { type: "Range1d" } });
    expect(model.sent).toHaveLength(1);
    bokeh.change({ kind: "ModelChanged", model: { type: "Selection" } });
    bokeh.change({ kind: "ModelChanged", model: { type: "ColumnDataSource", tags: ["heard"] } });
    expect(model.sent.map((m) => (m as State).kind)).toEqual(["doc", "event", "event"]);
  });

  it("applies the kernel's changes without echo, and only those of its document", () => {
    const message = { kind: "patch", revision: 0, content: "{}", ids: ["a"] };
    const bytes = new Uint8Array(8);
    model.emit("msg:custom", message, [new DataView(bytes.buffer, 2, 4)]);
    model.emit("msg:custom", { ...message, revision: 7 }, [bytes.buffer]);
    expect(bokeh.patches).toEqual([[{}, [4]]]);
    expect(model.sent).toHaveLength(1);
  });

  it("is built once when two figures follow each other faster than they are drawn", async () => {
    const pause = (time: number): Promise<void> => new Promise((done) => setTimeout(done, time));
    await pause(60);
    model.set("revision", 1);
    model.set("revision", 2);
    await pause(60);
    const asked = (): State[] => (model.sent as State[]).filter((m) => m.kind === "doc");
    expect(asked()).toHaveLength(2);
    const answer = { re: asked()[1]?.id, doc: "{}", roots: ["p2"], listen: [], revision: 2 };
    model.emit("msg:custom", answer, []);
    await pause(150);
    expect(asked()).toHaveLength(2);
    expect((el.querySelector(".seisnb-pane") as HTMLElement).dataset.ready).toBe("2");
  });

  it("cleans up", () => {
    close();
    expect(model.nListeners).toBe(0);
    expect(bokeh.cleared()).toBe(1);
  });
});

describe("BokehJS that comes ahead of its figures", () => {
  const library = new DataView(new TextEncoder().encode("var x = 1;").buffer);
  let scripts: HTMLScriptElement[] = [];
  const tick = (): Promise<void> => new Promise((done) => setTimeout(done, 0));
  beforeEach(() => {
    scripts = [];
    vi.spyOn(document.head, "append").mockImplementation((script) => {
      scripts.push(script as HTMLScriptElement);
    });
    vi.spyOn(URL, "createObjectURL").mockReturnValue("blob:library");
    vi.spyOn(URL, "revokeObjectURL").mockReturnValue();
  });
  afterEach(() => {
    delete window.Bokeh;
    vi.restoreAllMocks();
  });

  it("is not asked for again by a figure that comes while it loads", async () => {
    const ahead = new LocalModel<State>({ bokeh_version: "7.1", library });
    const given = preload.initialize({ model: ahead } as never);
    const model = new LocalModel<State>({ ...state, bokeh_version: "7.1" });
    widget.render({ model, el: document.createElement("div") } as never);
    await tick();
    expect([scripts.length, model.sent.length, ahead.sent.length]).toEqual([1, 0, 0]);
    window.Bokeh = { version: "7.1", require: () => ({}) } as never;
    scripts[0]?.onload?.(new Event("load"));
    await given;
    await tick();
    expect(ahead.sent).toEqual([{ kind: "taken" }]);
    expect((model.sent as State[]).map((message) => message.kind)).toEqual(["doc"]);
  });

  it("leaves figures to ask for it when it does not load", async () => {
    vi.spyOn(console, "warn").mockReturnValue();
    const ahead = new LocalModel<State>({ bokeh_version: "7.2", library });
    const given = preload.initialize({ model: ahead } as never);
    await tick();
    scripts[0]?.onerror?.(new Event("error"));
    await given;
    expect(ahead.sent).toEqual([{ kind: "taken" }]);
    const model = new LocalModel<State>({ ...state, bokeh_version: "7.2" });
    widget.render({ model, el: document.createElement("div") } as never);
    await tick();
    expect((model.sent as State[]).map((message) => message.kind)).toEqual(["bokehjs"]);
  });
});

describe("names that ipywidgets leave out", () => {
  it("are given to handles, bars and live regions", () => {
    const root = document.createElement("div");
    root.innerHTML = `<div class="widget-hslider"><label class="widget-label">Depth</label>
      <div class="noUi-handle"></div><div class="noUi-handle"></div></div>
      <div class="widget-hprogress"><label class="widget-label">Progress</label>
      <div class="progress"></div></div>
      <div class="seisnb-alert"><div class="widget-html-content">no</div></div>`;
    mend(root);
    const labels = [...root.querySelectorAll(".noUi-handle")].map((h) => h.getAttribute("aria-label"));
    expect(labels).toEqual(["Depth lower", "Depth upper"]);
    expect(root.querySelector(".progress")?.getAttribute("role")).toBe("progressbar");
    expect(root.querySelector("[role=alert]")?.textContent).toBe("no");
  });
});
