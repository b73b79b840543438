// One view of an ensemble's section: it draws what the model's state asks for.
import type { Model } from "../model";
import { download, fileName, toBlob, toCanvas } from "../paper";
import { toSvg } from "../vectors";
import { lutFrom } from "./colour";
import { fillLayers, makeControls, type Controls } from "./controls";
import {
  CURVE_ON_DARK,
  drawAxes,
  drawBar,
  drawContours,
  drawMarks,
  drawOverlays,
  drawProfile,
  type Layout,
  layoutOf,
  PAPER,
  type Profile,
  type Range,
  readout,
  type Theme,
} from "./draw";
import type { Overlay, Section } from "./header";
import { join } from "./link";
import { type Field, imageOf, makePainter, type Painter, type Placement } from "./painter";
import { type Asked, cellAt, choices, fittedLimits, valuesOf, type Words, wordsOf } from "./quantity";
import { aspect, niceStep, shown } from "./scale";
import { type SectionState, Source } from "./source";
import type { Store } from "./store";
import { STYLE } from "./style";

type Point = [number, number];

const PROFILE_LEVELS = [0.025, 0.16, 0.5, 0.84, 0.975] as const;
const FRAME = 120; // of the animation [ms]

export class SectionView {
  private readonly life = new AbortController();
  private readonly root = document.createElement("div");
  private readonly heading = document.createElement("div");
  private readonly stage = document.createElement("div");
  private readonly readoutLine = document.createElement("div");
  private readonly note = document.createElement("div");
  private readonly spoken = document.createElement("div");
  private readonly fieldCanvas = document.createElement("canvas");
  private readonly lineCanvas = document.createElement("canvas");
  private readonly markCanvas = document.createElement("canvas");
  private readonly controls: Controls = makeControls();
  private readonly source: Source;
  private readonly stop: () => void;
  private readonly link: ReturnType<typeof join>;
  private painter: Painter | null = null;
  private values = new Float32Array(0);
  private spread: Float32Array | null = null;
  private greyed: Uint8Array | null = null;
  private words: Words | null = null;
  private field: Field | null = null;
  private luts = new Map<string, Uint32Array>();
  private layout: Layout | null = null;
  private exaggeration = 1;
  private profile: Profile | null = null;
  private cursor: Point | null = null;
  private dirty = { values: true, lines: true, profile: true };
  private frame = 0;
  private timer = 0;
  private theme: Theme = PAPER;

  constructor(
    private readonly model: Model<SectionState>,
    el: HTMLElement,
  ) {
    const style = document.createElement("style");
    style.textContent = STYLE;
    this.root.className = "seisnb-section";
    this.root.dataset.lmSuppressShortcuts = "true";
    this.heading.className = "seisnb-heading";
    this.stage.className = "seisnb-stage";
    this.stage.tabIndex = 0;
    this.stage.setAttribute("role", "application");
    this.stage.setAttribute("aria-roledescription", "section");
    this.readoutLine.className = "seisnb-readout";
    this.note.className = "seisnb-note";
    this.spoken.className = "seisnb-spoken";
    this.spoken.setAttribute("role", "status");
    this.spoken.style.cssText =
      "position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)";
    for (const canvas of [this.fieldCanvas, this.lineCanvas, this.markCanvas])
      canvas.setAttribute("aria-hidden", "true");
    this.stage.append(this.fieldCanvas, this.lineCanvas, this.markCanvas);
    this.root.append(
      style,
      this.controls.root,
      this.heading,
      this.stage,
      this.readoutLine,
      this.note,
      this.spoken,
    );
    el.append(this.root);
    this.painter = makePainter(this.fieldCanvas, model.get("painter"));
    this.source = Source.of(model);
    this.link = join(model.get("group"), (shared) => {
      if (shared.cursor !== undefined) {
        this.cursor = shared.cursor;
        this.drawTop();
      }
      if (shared.span) {
        this.model.set("span", shared.span);
        this.model.save_changes();
      }
    });
    this.connect();
    this.stop = this.source.listen((what) => this.onSource(what));
    this.say("Loading the ensemble …");
    if (this.source.section) {
      this.onSource("header");
      this.onSource("members");
    }
  }

  destroy(): void {
    this.life.abort();
    this.stop();
    this.link.leave();
    window.cancelAnimationFrame(this.frame);
    window.clearTimeout(this.timer);
    this.painter?.destroy();
    this.root.remove();
  }

  // ---- state -------------------------------------------------------------------------------

  private get section(): Section | null {
    return this.source.section;
  }

  private get store(): Store | null {
    return this.source.store;
  }

  private asked(): Asked {
    const picked = this.model.get("picked");
    const names = this.section ? choices(this.section).map(([name]) => name) : [];
    const quantity = this.model.get("quantity");
    return {
      quantity: names.includes(quantity) ? quantity : (names[0] ?? quantity),
      member: Math.min(this.model.get("member"), Math.max((this.store?.count ?? 1) - 1, 0)),
      level: this.model.get("level"),
      threshold: this.model.get("threshold"),
      picked: picked.length === 2 ? [picked[0], picked[1]] : null,
    };
  }

  private put(values: Partial<SectionState>): void {
    for (const [name, value] of Object.entries(values)) this.model.set(name, value as never);
    this.model.save_changes();
  }

  private range(): Range {
    const { header } = this.section as Section;
    const { x0, dx, nx } = header.grid;
    const span = this.model.get("span");
    if (span.length === 4 && span[1] > span[0] && span[3] > span[2])
      return { x0: span[0], x1: span[1], z0: span[2], z1: span[3] };
    return { x0, x1: x0 + (nx - 1) * dx, z0: header.top, z1: header.bottom };
  }

  private overlays(): Overlay[] {
    const hidden = new Set(this.model.get("hidden"));
    return (this.section?.overlays ?? []).filter(
      (each) => each.visible !== hidden.has(each.name),
    );
  }

  // ---- what happens ------------------------------------------------------------------------

  private connect(): void {
    const { signal } = this.life;
    const c = this.controls;
    const on = (name: string, react: () => void): void => {
      const event = `change:${name}` as never;
      this.model.on(event, react as never);
      signal.addEventListener("abort", () => this.model.off(event, react as never));
    };
    for (const name of ["quantity", "member", "level", "threshold", "grey_above"])
      on(name, () => this.change({ values: true }));
    on("is_weighted", () => {
      this.applyWeights();
      this.change({ values: true, profile: true });
    });
    on("limits", () => this.change({ lines: true, values: true }));
    on("picked", () => this.change({ profile: true, values: this.isPickedShown() }));
    on("span", () => this.change({ lines: true }));
    for (const name of ["hidden", "has_contours"]) on(name, () => this.change({ lines: true }));
    on("has_profile", () => this.resize());
    on("is_playing", () => this.play());
    const listen = <K extends keyof HTMLElementEventMap>(
      element: HTMLElement,
      kind: K,
      react: (event: HTMLElementEventMap[K]) => void,
      options: AddEventListenerOptions = {},
    ): void => element.addEventListener(kind, react, { signal, ...options });
    listen(c.quantity, "change", () => this.show(c.quantity.value));
    listen(c.member, "input", () =>
      this.put({ quantity: "member", member: Number(c.member.value) - 1 }),
    );
    listen(c.level, "input", () => this.put({ level: Number(c.level.value) / 100 }));
    listen(c.threshold, "input", () => this.put({ threshold: Number(c.threshold.value) }));
    listen(c.grey, "input", () =>
      this.put({
        grey_above: Number(c.grey.value) >= Number(c.grey.max) ? null : Number(c.grey.value),
      }),
    );
    listen(c.play, "click", () => this.put({ is_playing: !this.model.get("is_playing") }));
    for (const box of [c.low, c.high])
      listen(box, "change", () => {
        const [low, high] = [Number(c.low.value), Number(c.high.value)];
        if (high > low) this.put({ limits: [low, high] });
      });
    listen(c.fit, "click", () => this.put({ limits: fittedLimits(this.values) ?? [] }));
    listen(c.auto, "click", () => this.put({ limits: [] }));
    listen(c.whole, "click", () => this.zoomTo([]));
    listen(c.png, "click", () => void this.save("png"));
    listen(c.svg, "click", () => void this.save("svg"));
    listen(this.stage, "keydown", (event) => this.onKey(event));
    listen(this.root, "keydown", (event) => event.stopPropagation());
    listen(this.markCanvas, "wheel", (event) => this.onWheel(event), { passive: false });
    listen(this.markCanvas, "pointerdown", (event) => this.onPress(event));
    listen(this.markCanvas, "pointermove", (event) => this.onMove(event));
    listen(this.markCanvas, "pointerleave", () => this.onCursor(null));
    listen(this.markCanvas, "dblclick", () => this.zoomTo([]));
    const sizes = new ResizeObserver(() => this.resize());
    sizes.observe(this.root);
    const looks = new MutationObserver(() => this.change({ lines: true }));
    looks.observe(document.body, { attributeFilter: ["data-jp-theme-light", "class"] });
    const dark = window.matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", () => this.change({ lines: true }), { signal });
    signal.addEventListener("abort", () => {
      sizes.disconnect();
      looks.disconnect();
    });
  }

  private onSource(what: "header" | "members" | "overlays" | "failed"): void {
    if (what === "failed") {
      this.heading.textContent = `The section could not be shown: ${this.source.error}. Run the cell again.`;
      return;
    }
    const { section, store } = this;
    if (!section || !store) return;
    if (what === "header") {
      this.luts.clear();
      this.values = new Float32Array(store.nCells);
      this.applyWeights();
      this.resize();
    }
    if (what === "overlays") this.applyWeights();
    this.note.textContent = [
      section.header.note,
      this.source.loaded < 1 ? `loading: ${Math.round(100 * this.source.loaded)} %` : "",
    ]
      .filter(Boolean)
      .join(" ");
    this.root.dataset.loaded = String(store.count);
    this.change({ values: true, lines: true, profile: true });
  }

  private applyWeights(): void {
    const { header } = this.section ?? {};
    if (!header) return;
    const other = this.model.get("is_weighted") ? header.otherWeights : null;
    this.store?.setWeights(other ?? header.weights);
  }

  private isPickedShown(): boolean {
    return this.asked().quantity === "correlation";
  }

  /** Show a quantity with its own colour limits. */
  private show(quantity: string): void {
    const before = this.words;
    const after = this.section && this.store && wordsOf(this.section, this.store, {
      ...this.asked(),
      quantity,
    });
    const isSame = before && after && before.palette === after.palette && before.label === after.label;
    this.put({ quantity, ...(isSame ? {} : { limits: [] }) });
  }

  private play(): void {
    window.clearTimeout(this.timer);
    const isOn = this.model.get("is_playing");
    this.controls.play.textContent = isOn ? "❚❚ Stop" : "▶ Play";
    this.controls.play.setAttribute("aria-pressed", String(isOn));
    if (!isOn || !this.store?.count) return;
    const step = (): void => {
      if (!this.model.get("is_playing") || !this.store?.count) return;
      this.put({ quantity: "member", member: (this.model.get("member") + 1) % this.store.count });
      this.timer = window.setTimeout(step, FRAME);
    };
    step();
  }

  private stepMember(step: number): void {
    const n = this.store?.count ?? 0;
    if (!n) return;
    const isMember = this.asked().quantity === "member";
    const next = isMember ? this.model.get("member") + step : this.model.get("member");
    this.put({ quantity: "member", member: Math.min(Math.max(next, 0), n - 1) });
    this.say(this.words?.title ?? "");
  }

  private onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.section) return;
    const far = event.shiftKey ? 10 : 1;
    const { dx, dz } = this.section.header.grid;
    const names = choices(this.section).map(([name]) => name);
    const actions: Record<string, () => void> = {
      ArrowRight: () => this.stepMember(far),
      ArrowLeft: () => this.stepMember(-far),
      " ": () => this.put({ is_playing: !this.model.get("is_playing") }),
      "+": () => this.zoom(0.8),
      "=": () => this.zoom(0.8),
      "-": () => this.zoom(1.25),
      "0": () => this.zoomTo([]),
      a: () => this.pan(-0.1, 0),
      d: () => this.pan(0.1, 0),
      w: () => this.pan(0, -0.1),
      s: () => this.pan(0, 0.1),
      j: () => this.movePicked(-far * dx, 0),
      l: () => this.movePicked(far * dx, 0),
      i: () => this.movePicked(0, -far * dz),
      k: () => this.movePicked(0, far * dz),
    };
    const place = Number(event.key);
    const action =
      place >= 1 && place <= names.length
        ? () => this.show(names[place - 1])
        : actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  private movePicked(dx: number, dz: number): void {
    const { x0, x1, z0, z1 } = this.range();
    const [x, z] = this.asked().picked ?? [(x0 + x1) / 2, (z0 + z1) / 2];
    this.pick([x + dx, z + dz]);
  }

  private pick([x, z]: Point): void {
    if (!this.section) return;
    const { x0, dx, nx, z0, dz, nz } = this.section.header.grid;
    const kept: Point = [
      Math.min(Math.max(x, x0), x0 + (nx - 1) * dx),
      Math.min(Math.max(z, z0), z0 + (nz - 1) * dz),
    ];
    this.put({ picked: kept });
    this.say(`picked ${this.told(kept)}`);
  }

  private pan(sx: number, sz: number): void {
    const r = this.range();
    const [mx, mz] = [sx * (r.x1 - r.x0), sz * (r.z1 - r.z0)];
    this.zoomTo([r.x0 + mx, r.x1 + mx, r.z0 + mz, r.z1 + mz]);
  }

  /** Zoom about a place, the middle by default; the exaggeration stays. */
  private zoom(factor: number, about: Point | null = null): void {
    const r = this.range();
    const [x, z] = about ?? [(r.x0 + r.x1) / 2, (r.z0 + r.z1) / 2];
    this.zoomTo([
      x + (r.x0 - x) * factor,
      x + (r.x1 - x) * factor,
      z + (r.z0 - z) * factor,
      z + (r.z1 - z) * factor,
    ]);
  }

  private zoomTo(span: number[]): void {
    this.put({ span });
    this.link.tell({ span });
  }

  private place(event: MouseEvent): Point | null {
    if (!this.layout || !this.section) return null;
    const box = this.markCanvas.getBoundingClientRect();
    const r = this.range();
    const sx = (event.clientX - box.left - this.layout.left) / this.layout.plotWidth;
    const sz = (event.clientY - box.top - this.layout.top) / this.layout.plotHeight;
    if (sx < 0 || sx > 1 || sz < 0 || sz > 1) return null;
    return [r.x0 + sx * (r.x1 - r.x0), r.z0 + sz * (r.z1 - r.z0)];
  }

  private onWheel(event: WheelEvent): void {
    const at = this.place(event);
    if (!at || !(event.ctrlKey || event.metaKey || document.activeElement === this.stage)) return;
    event.preventDefault();
    this.zoom(Math.exp(Math.sign(event.deltaY) * 0.15), at);
  }

  private onPress(event: PointerEvent): void {
    const begun = this.place(event);
    if (!begun || event.button !== 0) return;
    this.stage.focus({ preventScroll: true });
    const { clientX, clientY } = event;
    const from = this.range();
    let isDrag = false;
    const ends = new AbortController();
    const move = (moved: PointerEvent): void => {
      const [px, pz] = [moved.clientX - clientX, moved.clientY - clientY];
      if (!isDrag && Math.hypot(px, pz) < 4) return;
      isDrag = true;
      const l = this.layout as Layout;
      const mx = (-px / l.plotWidth) * (from.x1 - from.x0);
      const mz = (-pz / l.plotHeight) * (from.z1 - from.z0);
      const span = [from.x0 + mx, from.x1 + mx, from.z0 + mz, from.z1 + mz];
      this.model.set("span", span); // the kernel hears of the end only
      this.link.tell({ span });
    };
    const up = (): void => {
      ends.abort();
      if (isDrag) this.model.save_changes();
      else this.pick(begun);
    };
    this.markCanvas.setPointerCapture(event.pointerId);
    this.markCanvas.addEventListener("pointermove", move, { signal: ends.signal });
    this.markCanvas.addEventListener("pointerup", up, { signal: ends.signal });
    this.markCanvas.addEventListener("pointercancel", () => ends.abort(), { signal: ends.signal });
  }

  private onMove(event: PointerEvent): void {
    if (event.buttons === 0) this.onCursor(this.place(event));
  }

  private onCursor(at: Point | null): void {
    this.cursor = at;
    this.link.tell({ cursor: at });
    this.drawTop();
  }

  private told([x, z]: readonly [number, number]): string {
    const { section } = this;
    if (!section) return "";
    const cell = cellAt(section, x, z);
    const value = cell === null ? NaN : this.values[cell];
    return readout(section.header, x, z, [`${this.words?.label ?? ""}: ${shown(value)}`]);
  }

  private say(text: string): void {
    this.spoken.textContent = text;
  }

  // ---- drawing -----------------------------------------------------------------------------

  private change(what: { values?: boolean; lines?: boolean; profile?: boolean }): void {
    this.dirty.values ||= !!what.values;
    this.dirty.lines ||= !!what.lines;
    this.dirty.profile ||= !!what.profile;
    if (!this.frame)
      this.frame = window.requestAnimationFrame(() => {
        this.frame = 0;
        this.draw();
      });
  }

  private resize(): void {
    const { section } = this;
    const width = Math.floor(this.root.clientWidth);
    if (!section || width < 120) return; // out of sight
    const { grid, top, bottom } = section.header;
    const hasProfile = this.hasProfile();
    const plotWidth = layoutOf(width, 0, hasProfile).plotWidth;
    const { exaggeration, height } = aspect((grid.nx - 1) * grid.dx, bottom - top, plotWidth);
    this.exaggeration = exaggeration;
    this.layout = layoutOf(width, height, hasProfile);
    const ratio = window.devicePixelRatio || 1;
    this.stage.style.height = `${this.layout.height}px`;
    for (const canvas of [this.lineCanvas, this.markCanvas]) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(this.layout.height * ratio);
      canvas.style.width = `${width}px`;
      canvas.style.height = `${this.layout.height}px`;
    }
    const { left, plotHeight } = this.layout;
    this.fieldCanvas.style.cssText = `left:${left}px;top:${this.layout.top}px;width:${this.layout.plotWidth}px;height:${plotHeight}px`;
    this.painter?.resize(
      Math.round(this.layout.plotWidth * ratio),
      Math.round(plotHeight * ratio),
    );
    this.change({ values: true, lines: true, profile: true });
  }

  private hasProfile(): boolean {
    return this.model.get("has_profile") && this.root.clientWidth > 620;
  }

  private draw(): void {
    const { section, store, layout, painter } = this;
    if (!section || !store || !layout || !painter) return;
    if (!this.root.clientWidth) return; // out of sight; coming back into sight is a change of size
    const begun = performance.now();
    const asked = this.asked();
    if (this.dirty.values) {
      valuesOf(section, store, asked, this.values);
      this.greyed = this.greyCells(section, store);
    }
    const words = wordsOf(section, store, asked);
    const limits = this.model.get("limits");
    const [low, high] = limits.length === 2 ? limits : words.limits;
    const isOther = words.label !== this.words?.label;
    const before = this.field;
    this.words = words;
    this.field = { values: this.values, greyed: this.greyed, low, high, lut: this.lut(words.palette) };
    this.paint(painter, section, layout);
    const hasContours = words.hasContours && this.model.get("has_contours");
    const hasNewBar =
      isOther || before?.low !== low || before.high !== high || before.lut !== this.field.lut;
    if (this.dirty.profile || (this.dirty.values && asked.quantity === "member"))
      this.profile = this.hasProfile() ? this.makeProfile(section, store, asked) : null;
    if (this.dirty.lines || hasNewBar || hasContours || this.hadContours || this.dirty.profile || asked.quantity === "member")
      this.drawLines(hasContours);
    this.hadContours = hasContours;
    this.dirty = { values: false, lines: false, profile: false };
    this.drawTop();
    this.syncControls(section, store, asked, low, high);
    this.heading.textContent = this.title();
    this.stage.setAttribute("aria-label", `${section.header.title}: ${this.title()}`);
    this.root.dataset.shown = `${asked.quantity} ${asked.member}`;
    this.root.dataset.painter = painter.kind;
    this.root.dataset.milliseconds = (performance.now() - begun).toFixed(1);
  }

  private hadContours = false;

  private title(): string {
    const { exaggeration } = this;
    const grey = this.model.get("grey_above");
    const unit = this.section?.header.unit ?? "";
    return [
      this.words?.title ?? "",
      exaggeration === 1
        ? "no vertical exaggeration"
        : `vertical exaggeration ${shown(exaggeration)}`,
      this.greyed && grey !== null ? `grey: std above ${shown(grey)} ${unit}` : "",
      this.model.get("is_weighted") ? (this.section?.header.otherWeightsLabel ?? "") : "",
    ]
      .filter(Boolean)
      .join(" · ");
  }

  private lut(name: string): Uint32Array {
    const known = this.luts.get(name);
    if (known) return known;
    const palettes = this.section?.header.palettes ?? {};
    const made = lutFrom(palettes[name] ?? Object.values(palettes)[0] ?? "000000ffffff");
    this.luts.set(name, made);
    return made;
  }

  private greyCells(section: Section, store: Store): Uint8Array | null {
    const limit = this.model.get("grey_above");
    const words = wordsOf(section, store, this.asked());
    if (limit === null || !store.count || !words.hasContours) return null;
    if (this.spread?.length !== store.nCells) this.spread = new Float32Array(store.nCells);
    const std = store.std(this.spread);
    const greyed = this.greyed ?? new Uint8Array(store.nCells);
    for (let c = 0; c < greyed.length; c++) greyed[c] = std[c] > limit ? 1 : 0;
    return greyed;
  }

  private placement(section: Section, layout: Layout, ratio: number): Placement {
    const { x0, dx, nx, z0, dz, nz } = section.header.grid;
    const r = this.range();
    const sx = (layout.plotWidth * ratio) / (r.x1 - r.x0);
    const sz = (layout.plotHeight * ratio) / (r.z1 - r.z0);
    return {
      left: (x0 - dx / 2 - r.x0) * sx,
      top: (z0 - dz / 2 - r.z0) * sz,
      width: nx * dx * sx,
      height: nz * dz * sz,
    };
  }

  private paint(painter: Painter, section: Section, layout: Layout): void {
    const { nx, nz } = section.header.grid;
    const ratio = window.devicePixelRatio || 1;
    painter.paint(this.field as Field, nx, nz, this.placement(section, layout, ratio));
  }

  private drawLines(hasContours: boolean): void {
    const context = this.lineCanvas.getContext("2d");
    const { layout, section } = this;
    if (!context || !layout || !section) return;
    const ratio = window.devicePixelRatio || 1;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, layout.width, layout.height);
    this.theme = themeOf(this.root);
    this.drawAround(context, this.theme, hasContours);
  }

  private drawAround(context: CanvasRenderingContext2D, theme: Theme, hasContours: boolean): void {
    const { layout, section, field, words, profile } = this;
    if (!layout || !section || !field || !words) return;
    const range = this.range();
    if (hasContours) {
      const step = niceStep(field.high - field.low, 6);
      drawContours(context, section.header, layout, range, field, step);
    }
    drawOverlays(context, layout, range, this.overlays(), theme);
    drawAxes(context, section.header, layout, range, theme);
    drawBar(context, layout, field, words.label, theme);
    if (profile) drawProfile(context, section.header, layout, range, profile, theme);
  }

  private drawTop(): void {
    const context = this.markCanvas.getContext("2d");
    const { layout, section } = this;
    if (!context || !layout || !section) return;
    const ratio = window.devicePixelRatio || 1;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, layout.width, layout.height);
    drawMarks(context, layout, this.range(), this.asked().picked, this.cursor, this.theme);
    const at = this.cursor ?? this.asked().picked;
    this.readoutLine.textContent = at ? this.told(at) : "";
  }

  private makeProfile(section: Section, store: Store, asked: Asked): Profile | null {
    const { header } = section;
    const { x0, dx, nx, z0, dz, nz } = header.grid;
    if (!store.count) return null;
    const x = asked.picked?.[0] ?? x0 + ((nx - 1) * dx) / 2;
    const ix = Math.min(Math.max(Math.round((x - x0) / dx), 0), nx - 1);
    const [q0, q1, q2, q3, q4] = store.profile(ix, PROFILE_LEVELS);
    const own = ""; // the theme's
    const curves: Profile["curves"] = [];
    const of = (name: string): Float32Array | null => {
      const field = section.fields.get(name);
      return field ? Float32Array.from({ length: nz }, (_, k) => field[k * nx + ix]) : null;
    };
    const [low, high, middle] = [of("prior_low"), of("prior_high"), of("prior_mean")];
    const fit = of("first_order");
    if (low && high)
      curves.push({ kind: "band", x: low, other: high, colour: "#999999", alpha: 0.35, label: "prior 95 %" });
    if (middle)
      curves.push({ kind: "line", x: middle, colour: "#777777", dash: [2, 3], label: "prior mean" });
    if (fit)
      curves.push({ kind: "line", x: fit, colour: "#c1272d", dash: [6, 3], label: "first-order fit" });
    curves.push(
      { kind: "band", x: q0, other: q4, colour: own, alpha: 0.25, label: "95 %" },
      { kind: "band", x: q1, other: q3, colour: own, alpha: 0.4, label: "68 %" },
      { kind: "line", x: q2, colour: own, width: 2.2, label: "median" },
    );
    if (asked.quantity === "member")
      curves.push({
        kind: "line",
        x: store.memberColumn(asked.member, ix),
        colour: "#d1792a",
        width: 1.8,
        label: "member",
      });
    const there = [...q0, ...q4].filter((v) => v === v);
    if (!there.length) return null;
    const most = Math.max(...there, header.limits[1]);
    const least = Math.min(...there, header.limits[0]);
    return {
      title: "",
      z: Float32Array.from({ length: nz }, (_, k) => z0 + k * dz),
      curves,
      low: Math.max(0, least - 0.05 * (most - least)),
      high: most + 0.05 * (most - least),
      label: `At ${shown(x0 + ix * dx)} ${header.lengthUnit}: ${header.unit}`,
    };
  }

  private syncControls(
    section: Section,
    store: Store,
    asked: Asked,
    low: number,
    high: number,
  ): void {
    const c = this.controls;
    const { header } = section;
    const options = choices(section);
    if (c.quantity.options.length !== options.length)
      c.quantity.replaceChildren(
        ...options.map(([value, text]) =>
          Object.assign(document.createElement("option"), { value, text }),
        ),
      );
    c.quantity.value = asked.quantity;
    c.rows.member.hidden = !header.quantities.includes("member");
    c.rows.level.hidden = asked.quantity !== "quantile";
    c.rows.threshold.hidden = asked.quantity !== "exceedance";
    c.rows.grey.hidden = !this.words?.hasContours || !header.quantities.includes("std");
    c.member.max = String(Math.max(store.count, 1));
    c.member.value = String(asked.member + 1);
    c.memberText.value = `${asked.member + 1} of ${store.count}`;
    c.level.value = String(100 * asked.level);
    c.levelText.value = `${shown(100 * asked.level)} %`;
    const step = 10 ** Math.floor(Math.log10(Math.max(header.limits[1] - header.limits[0], 1e-9)) - 2);
    for (const [input, range] of [
      [c.threshold, header.limits],
      [c.grey, header.stdLimits],
    ] as const) {
      input.min = String(range[0]);
      input.max = String(range[1]);
      input.step = String(step);
    }
    c.threshold.value = String(asked.threshold);
    c.thresholdText.value = `${shown(asked.threshold)} ${header.unit}`;
    const grey = this.model.get("grey_above");
    c.grey.value = String(grey ?? header.stdLimits[1]);
    c.greyText.value = grey === null ? "nothing is grey" : `${shown(grey)} ${header.unit}`;
    if (document.activeElement !== c.low) c.low.value = String(Number(low.toPrecision(5)));
    if (document.activeElement !== c.high) c.high.value = String(Number(high.toPrecision(5)));
    const hidden = new Set(this.model.get("hidden"));
    const flip = (name: keyof SectionState) => (isOn: boolean) => this.put({ [name]: isOn });
    const switches: Record<string, (isOn: boolean) => void> = {
      has_contours: flip("has_contours"),
      has_profile: flip("has_profile"),
      is_weighted: flip("is_weighted"),
    };
    fillLayers(
      c.layers,
      [
        ...section.overlays
          .filter((each) => each.label)
          .map((each) => ({
            name: each.name,
            label: each.label,
            isOn: each.visible !== hidden.has(each.name),
          })),
        { name: "has_contours", label: "isolines", isOn: this.model.get("has_contours") },
        { name: "has_profile", label: "profile", isOn: this.model.get("has_profile") },
        ...(header.otherWeights
          ? [
              {
                name: "is_weighted",
                label: header.otherWeightsLabel,
                isOn: this.model.get("is_weighted"),
              },
            ]
          : []),
      ],
      (name) => {
        const act = switches[name];
        if (act) act(!this.model.get(name as keyof SectionState));
        else {
          const now = new Set(this.model.get("hidden"));
          if (!now.delete(name)) now.add(name);
          this.put({ hidden: [...now].sort() });
        }
      },
    );
  }

  // ---- paper -------------------------------------------------------------------------------

  private async save(kind: "png" | "svg"): Promise<void> {
    const { section } = this;
    if (!section) return;
    const name = fileName(`${section.header.title} ${this.words?.title ?? ""}`, kind);
    if (kind === "svg")
      download(new Blob([this.toSvg()], { type: "image/svg+xml" }), name);
    else download(await toBlob(toCanvas(this.drawing())), name);
    this.say(`saved ${name}`);
  }

  toSvg(): string {
    return toSvg(this.drawing());
  }

  private drawing(): Parameters<typeof toCanvas>[0] {
    const layout = this.layout as Layout;
    const head = 22;
    return {
      width: layout.width,
      height: layout.height + head,
      draw: (context) => {
        const { section, field } = this;
        if (!section || !field) return;
        const { nx, nz } = section.header.grid;
        context.fillStyle = "#ffffff";
        context.fillRect(0, 0, layout.width, layout.height + head);
        context.fillStyle = "#1a1a1a";
        context.font = 'bold 13px Helvetica, Arial, "Liberation Sans", sans-serif';
        context.textAlign = "left";
        context.textBaseline = "top";
        context.fillText(`${section.header.title}: ${this.title()}`, layout.left, 4);
        context.translate(0, head);
        const at = this.placement(section, layout, 1);
        context.save();
        context.beginPath();
        context.rect(layout.left, layout.top, layout.plotWidth, layout.plotHeight);
        context.clip();
        context.imageSmoothingEnabled = false;
        context.drawImage(
          imageOf(field, nx, nz),
          layout.left + at.left,
          layout.top + at.top,
          at.width,
          at.height,
        );
        context.restore();
        this.drawAround(context, PAPER, this.hadContours);
      },
    };
  }
}

/** Whether a CSS colour is darker than a middle grey. */
function isDark(colour: string): boolean {
  const context = document.createElement("canvas").getContext("2d");
  if (!context) return false;
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  const [r, g, b] = context.getImageData(0, 0, 1, 1)?.data ?? [255, 255, 255];
  return 0.3 * r + 0.6 * g + 0.1 * b < 110;
}

/** Colours of the page, so that the section reads in light and in dark. */
function themeOf(root: HTMLElement): Theme {
  const style = getComputedStyle(root);
  const colour = (name: string, other: string): string =>
    style.getPropertyValue(name).trim() || other;
  const paper = colour("--paper", PAPER.paper);
  return {
    ink: colour("--ink", PAPER.ink),
    soft: colour("--soft", PAPER.soft),
    paper,
    grid: colour("--line", PAPER.grid),
    curve: isDark(paper) ? CURVE_ON_DARK : PAPER.curve,
  };
}
