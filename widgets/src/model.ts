// What a widget needs of its model: anywidget's, or a local one where there is no kernel.
import type { AnyModel } from "@anywidget/types";

export type State = Record<string, unknown>;
export type Model<T extends State> = Pick<
  AnyModel<T>,
  "get" | "set" | "save_changes" | "send" | "on" | "off"
>;

type Callback = (...parts: never[]) => void;

/** A model without a kernel: for pages that stand alone, and for tests. */
export class LocalModel<T extends State> {
  private readonly state: T;
  private readonly callbacks = new Map<string, Set<Callback>>();
  readonly sent: unknown[] = [];
  n_saves = 0;

  constructor(state: T) {
    this.state = { ...state };
  }

  get<K extends keyof T>(name: K): T[K] {
    return this.state[name];
  }

  set<K extends keyof T>(name: K, value: T[K]): void {
    if (Object.is(this.state[name], value)) return;
    this.state[name] = value;
    this.emit(`change:${String(name)}`);
  }

  save_changes(): void {
    this.n_saves += 1;
  }

  send(content: unknown): void {
    this.sent.push(content);
  }

  on(event: string, callback: Callback): void {
    const known = this.callbacks.get(event) ?? new Set();
    this.callbacks.set(event, known.add(callback));
  }

  off(event?: string | null, callback?: Callback | null): void {
    if (event && callback) this.callbacks.get(event)?.delete(callback);
    else if (event) this.callbacks.delete(event);
    else this.callbacks.clear();
  }

  /** Deliver an event, as the kernel would. */
  emit(event: string, ...parts: unknown[]): void {
    for (const callback of this.callbacks.get(event) ?? [])
      (callback as (...parts: unknown[]) => void)(...parts);
  }

  /** How many callbacks are registered. */
  get nListeners(): number {
    return [...this.callbacks.values()].reduce((sum, known) => sum + known.size, 0);
  }
}
