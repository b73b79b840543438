// The ensemble of one model, fetched from its kernel once per page and shared by all views.
import { ask, toBuffer, type Message } from "../ask";
import type { Model, State } from "../model";
import { type Header, type Section, unpack } from "./header";
import { Store } from "./store";

export interface SectionState extends State {
  revision: number;
  description: string;
  quantity: string;
  member: number;
  level: number;
  threshold: number;
  limits: number[];
  picked: number[];
  span: number[];
  grey_above: number | null;
  is_weighted: boolean;
  is_playing: boolean;
  has_contours: boolean;
  has_profile: boolean;
  hidden: string[];
  group: string;
  painter: string;
}

type Listener = (what: "header" | "members" | "overlays" | "failed") => void;

const open = new WeakMap<object, Source>();

export class Source {
  section: Section | null = null;
  store: Store | null = null;
  error = "";
  /** Share of the members that are here. */
  loaded = 0;
  private readonly listeners = new Set<Listener>();
  private life = new AbortController();

  static of(model: Model<SectionState>): Source {
    const known = open.get(model);
    if (known) return known;
    const made = new Source(model);
    open.set(model, made);
    return made;
  }

  private constructor(private readonly model: Model<SectionState>) {}

  listen(listener: Listener): () => void {
    if (this.listeners.size === 0) {
      this.model.on("change:revision", this.load);
      this.model.on("msg:custom", this.onMessage);
    }
    this.listeners.add(listener);
    if (!this.section && this.listeners.size === 1) void this.load();
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size === 0) {
        this.model.off("change:revision", this.load);
        this.model.off("msg:custom", this.onMessage);
        this.life.abort();
        open.delete(this.model);
      }
    };
  }

  /** Take everything at once, where there is no kernel to ask. */
  give(header: Header, fields: ArrayBuffer, points: ArrayBuffer, codes: Uint16Array): void {
    this.life.abort();
    this.begin(header, fields, points);
    this.members(0, codes);
  }

  /** Take a header and its buffers. */
  private begin(header: Header, fields: ArrayBuffer, points: ArrayBuffer): void {
    this.section = unpack(header, fields, points);
    this.store = new Store(header.grid, header.quantisation, header.nMembers);
    this.store.setWeights(header.weights);
    this.loaded = header.nMembers ? 0 : 1;
    this.error = "";
    this.tell("header");
  }

  /** Take members, in order. */
  private members(first: number, codes: Uint16Array): void {
    if (!this.store || !this.section) return;
    this.store.append(first, codes);
    const { header } = this.section;
    header.nMembers = Math.max(header.nMembers, this.store.count);
    this.loaded = this.store.count / Math.max(header.nMembers, 1);
    this.tell("members");
    if (this.loaded >= 1 && !header.isGrowing) this.sortWhenIdle(this.store);
  }

  private readonly load = async (): Promise<void> => {
    this.life.abort();
    this.life = new AbortController();
    const { signal } = this.life;
    try {
      await ask<SectionState, true>(
        this.model,
        "section",
        (message, buffers) => {
          if (message.kind === "header")
            this.begin(message.header as Header, buffers[0], buffers[1]);
          else this.members(message.first as number, new Uint16Array(buffers[0]));
          return message.done ? true : undefined;
        },
        signal,
      );
    } catch (error) {
      this.error = (error as Error).message;
      this.tell("failed");
    }
  };

  private readonly onMessage = (
    message: Message,
    parts: (ArrayBuffer | ArrayBufferView)[],
  ): void => {
    if (message.re || !this.section || message.revision !== this.section.header.revision) return;
    if (message.kind === "append")
      this.members(message.first as number, new Uint16Array(toBuffer(parts[0])));
    else if (message.kind === "overlays") {
      const { header } = this.section;
      const changed = { ...header, fields: [], overlays: message.overlays as Header["overlays"] };
      this.section.overlays = unpack(changed, new ArrayBuffer(0), toBuffer(parts[0])).overlays;
      header.overlays = changed.overlays;
      this.tell("overlays");
    } else if (message.kind === "weights") {
      this.section.header.otherWeights = message.weights as number[] | null;
      this.section.header.otherWeightsLabel = message.label as string;
      this.tell("overlays");
    }
  };

  private sortWhenIdle(store: Store): void {
    const step = (): void => {
      if (this.store === store && this.listeners.size && !store.sort(6)) window.setTimeout(step, 4);
    };
    window.setTimeout(step, 250);
  }

  private tell(what: Parameters<Listener>[0]): void {
    for (const listener of this.listeners) listener(what);
  }
}
