import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LocalModel } from "../src/model";
import type { Header } from "../src/section/header";
import { join } from "../src/section/link";
import type { SectionState } from "../src/section/source";
import widget from "../src/section/widget";

const state: SectionState = {
  revision: 0, description: "", quantity: "mean", member: 0, level: 0.5, threshold: 3,
  limits: [], picked: [], span: [], grey_above: null, is_weighted: false, is_playing: false,
  has_contours: true, has_profile: false, hidden: [], group: "", painter: "canvas",
};

const header: Header = {
  revision: 0, title: "<b>Line</b>", nMembers: 3,
  grid: { nx: 4, nz: 3, x0: 0, dx: 10, z0: 0, dz: 5 },
  quantisation: { offset: 1, scale: 0.01 },
  names: [], weights: null, otherWeights: [1, 0, 0], otherWeightsLabel: "weights of the earthquakes",
  unit: "km/s", label: "P velocity (km/s)", xLabel: "Easting (km)", zLabel: "Depth (km)",
  lengthUnit: "km", isElevation: false, limits: [1, 4], stdLimits: [0, 1], top: 0, bottom: 10,
  fields: [{ name: "coverage", label: "km", title: "Ray coverage", palette: "v", low: 0, high: 1 }],
  overlays: [
    { name: "shots", label: "shots", kind: "points", colour: "red", visible: true, n: 2 },
    { name: "band", label: "boundary", kind: "fill", colour: "blue", visible: false, n: 2 },
  ],
  palettes: { velocity: "000000ffffff", v: "ffffff000000" },
  quantities: ["mean", "member", "std", "quantile", "exceedance", "correlation"],
  note: "Values are shown to ± 0.005 km/s.", isGrowing: false,
};

class Observer {
  observe(): void {}
  disconnect(): void {}
}

function answer(model: LocalModel<SectionState>): void {
  const { id } = model.sent.at(-1) as { id: string };
  const fields = new Float32Array(12).fill(0.5).buffer;
  const points = new Float32Array([5, 25, 0, 0, 0, 30, 4, 4, 6, 6]).buffer;
  model.emit("msg:custom", { re: id, kind: "header", header: { ...header }, done: false }, [fields, points]);
  const codes = Uint16Array.from({ length: 36 }, (_, i) => 100 * Math.floor(i / 12) + (i % 12));
  const whole = new Uint8Array(codes.buffer);
  const part = (first: number, n: number): DataView =>
    new DataView(whole.buffer, first * 24, n * 24);
  model.emit("msg:custom", { re: id, kind: "members", first: 0, done: false }, [part(0, 2)]);
  model.emit("msg:custom", { re: id, kind: "members", first: 2, done: true }, [part(2, 1)]);
}

describe("a section view", () => {
  let model: LocalModel<SectionState>;
  let el: HTMLElement;
  let close: () => void;
  let frames: FrameRequestCallback[];
  const painted = vi.fn();
  const draw = (): void => {
    for (const frame of frames.splice(0)) frame(0);
  };
  const find = <E extends HTMLElement>(selector: string): E => el.querySelector<E>(selector) as E;
  const key = (name: string, more: KeyboardEventInit = {}): void => {
    find(".seisnb-stage").dispatchEvent(
      new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true, ...more }),
    );
    draw();
  };

  beforeEach(() => {
    frames = [];
    vi.stubGlobal("ResizeObserver", Observer);
    vi.spyOn(window, "requestAnimationFrame").mockImplementation((f) => frames.push(f));
    Object.defineProperty(HTMLElement.prototype, "clientWidth", { value: 800, configurable: true });
    const context = new Proxy(
      {
        createImageData: (w: number, h: number) => ({ data: new Uint8ClampedArray(4 * w * h) }),
        measureText: () => ({ width: 20 }),
        putImageData: painted,
      } as Record<string, unknown>,
      { get: (known, name: string) => known[name] ?? (() => undefined), set: () => true },
    );
    HTMLCanvasElement.prototype.getContext = (() => context) as never;
    painted.mockClear();
    model = new LocalModel(state);
    el = document.createElement("div");
    document.body.append(el);
    close = widget.render({ model, el } as never) as () => void;
    answer(model);
    draw();
  });

  afterEach(() => {
    close();
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
  });

  it("asks once, shows the mean, and tells its title as text", () => {
    expect(model.sent).toHaveLength(1);
    expect(find(".seisnb-heading").textContent).toContain("Mean of 3 members");
    expect(find(".seisnb-stage").getAttribute("aria-label")).toContain("<b>Line</b>: Mean");
    expect(el.querySelector("b")).toBeNull();
    expect(find(".seisnb-note").textContent).toContain("± 0.005");
    expect(painted).toHaveBeenCalled();
    expect(find(".seisnb-section").dataset.painter).toBe("canvas");
  });

  it("steps through members by keyboard and tells the kernel", () => {
    key("ArrowRight");
    expect(model.get("quantity")).toBe("member");
    key("ArrowRight");
    key("ArrowRight", { shiftKey: true });
    expect(model.get("member")).toBe(2);
    expect(find(".seisnb-heading").textContent).toContain("Member 3 of 3");
    expect(model.n_saves).toBeGreaterThan(2);
    key("ArrowLeft");
    expect(model.get("member")).toBe(1);
  });

  it("leaves keys with control or alt to the browser", () => {
    key("ArrowRight", { altKey: true });
    expect(model.get("quantity")).toBe("mean");
  });

  it("changes what is shown by its list, and resets limits of another kind", () => {
    const list = find<HTMLSelectElement>("select");
    expect([...list.options].map((o) => o.value)).toContain("coverage");
    model.set("limits", [2, 3]);
    list.value = "quantile";
    list.dispatchEvent(new Event("change"));
    expect(model.get("limits")).toEqual([2, 3]);
    list.value = "std";
    list.dispatchEvent(new Event("change"));
    expect(model.get("limits")).toEqual([]);
    draw();
    expect(find(".seisnb-heading").textContent).toContain("Uncertainty (1 std) of 3 members");
  });

  it("every control has a name", () => {
    for (const input of el.querySelectorAll<HTMLInputElement>("input, select")) {
      const label = input.closest("label") ?? el.querySelector(`label[for="${input.id}"]`);
      expect(label?.textContent?.trim()).toBeTruthy();
    }
  });

  it("zooms and pans, and a view of its group follows", () => {
    const heard = vi.fn();
    const other = join("", heard);
    key("+");
    const span = model.get("span");
    expect(span[1] - span[0]).toBeCloseTo(24, 6);
    expect((span[1] - span[0]) / (span[3] - span[2])).toBeCloseTo(3, 6);
    key("d");
    expect(model.get("span")[0]).toBeGreaterThan(span[0]);
    key("0");
    expect(model.get("span")).toEqual([]);
    expect(heard).not.toHaveBeenCalled(); // a view without a group stands alone
    other.leave();
  });

  it("moves the picked point over the grid and not beyond", () => {
    key("l");
    expect(model.get("picked")).toEqual([25, 5]);
    for (let i = 0; i < 9; i++) key("k");
    expect(model.get("picked")).toEqual([25, 10]);
    expect(find(".seisnb-readout").textContent).toContain("25, 10 km");
  });

  it("hides overlays, shows hidden ones, and takes the earthquakes' weights", () => {
    const boxes = el.querySelectorAll<HTMLInputElement>(".seisnb-layers input");
    expect([...boxes].map((b) => b.checked)).toEqual([true, false, true, false, false]);
    for (const i of [0, 1, 4]) boxes[i].dispatchEvent(new Event("change"));
    draw();
    expect(model.get("hidden")).toEqual(["band", "shots"]);
    expect(model.get("is_weighted")).toBe(true);
    expect(find(".seisnb-heading").textContent).toContain("weights of the earthquakes");
  });

  it("takes members that arrive later, and only those of its revision", () => {
    const codes = new Uint16Array(12).fill(400);
    model.emit("msg:custom", { kind: "append", revision: 9, first: 3 }, [codes.buffer]);
    draw();
    expect(find(".seisnb-section").dataset.loaded).toBe("3");
    model.emit("msg:custom", { kind: "append", revision: 0, first: 3 }, [codes.buffer]);
    draw();
    expect(find(".seisnb-heading").textContent).toContain("Mean of 4 members");
  });

  it("asks again when the kernel has another ensemble", () => {
    model.set("revision", 1);
    expect(model.sent).toHaveLength(2);
  });

  it("says so when the kernel does not answer", async () => {
    vi.useFakeTimers();
    model.set("revision", 1);
    await vi.advanceTimersByTimeAsync(31_000);
    expect(find(".seisnb-heading").textContent).toContain("the kernel did not answer");
    vi.useRealTimers();
  });

  it("leaves nothing behind", () => {
    close();
    expect(model.nListeners).toBe(0);
    expect(el.childElementCount).toBe(0);
  });
});

describe("views of one group", () => {
  it("hear of each other's cursor, never of their own", () => {
    const [a, b] = [vi.fn(), vi.fn()];
    const [first, second] = [join("g", a), join("g", b)];
    first.tell({ cursor: [1, 2] });
    expect(a).not.toHaveBeenCalled();
    expect(b).toHaveBeenCalledWith({ cursor: [1, 2] });
    second.leave();
    first.tell({ cursor: null });
    expect(b).toHaveBeenCalledTimes(1);
    first.leave();
  });
});
