import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { inTurn } from "../src/turns";

describe("figures in turn", () => {
  let happened: string[];
  const work = (name: string, time = 0) => async (): Promise<void> => {
    happened.push(`${name} begins`);
    if (time) await new Promise((resolve) => setTimeout(resolve, time));
    happened.push(`${name} ends`);
  };

  beforeEach(() => {
    vi.useFakeTimers();
    happened = [];
    vi.stubGlobal("requestAnimationFrame", (paint: () => void) =>
      setTimeout(() => {
        happened.push("frame");
        paint();
      }, 16),
    );
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
    delete (window as { __seisnb_turn?: unknown }).__seisnb_turn;
  });

  it("lets the first begin at once, and the next when it is painted", async () => {
    const all = [inTurn(work("first", 100)), inTurn(work("second"))];
    expect(happened).toEqual(["first begins"]);
    await vi.runAllTimersAsync();
    await Promise.all(all);
    expect(happened.slice(0, 5)).toEqual([
      "first begins",
      "first ends",
      "frame",
      "second begins",
      "second ends",
    ]);
  });

  it("waits half a second for one whose kernel does not answer", async () => {
    void inTurn(() => new Promise(() => undefined));
    void inTurn(work("second"));
    await vi.advanceTimersByTimeAsync(450);
    expect(happened).toEqual([]);
    await vi.advanceTimersByTimeAsync(100);
    expect(happened).toContain("second ends");
  });

  it("goes on after a failure, and tells of it where it happened", async () => {
    const failing = inTurn(() => Promise.reject(new Error("no ink")));
    const next = inTurn(work("next"));
    await expect(failing).rejects.toThrow("no ink");
    await vi.runAllTimersAsync();
    await next;
    expect(happened).toContain("next ends");
  });

  it("waits for no frame where none is painted", async () => {
    vi.stubGlobal("requestAnimationFrame", () => 0);
    void inTurn(work("first"));
    void inTurn(work("second"));
    await vi.advanceTimersByTimeAsync(60);
    expect(happened).toContain("second ends");
  });
});
