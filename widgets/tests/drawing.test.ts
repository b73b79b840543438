import { describe, expect, it } from "vitest";
import { colourise, GREY, lutFrom } from "../src/section/colour";
import { isolines } from "../src/section/contour";
import { aspect, niceLimits, niceStep, shown, tickText, ticks } from "../src/section/scale";
import { fileName } from "../src/paper";

describe("colours", () => {
  const lut = lutFrom("ff0000" + "00ff00".repeat(254) + "0000ff");

  it("hit the end stops, clamp, and leave NaN transparent", () => {
    const out = new Uint32Array(5);
    const values = new Float32Array([-9, 0.5, 9, NaN, 0.2]);
    colourise(values, 0, 1, lut, new Uint8Array([0, 0, 0, 0, 1]), out);
    expect([...out]).toEqual([lut[0], lut[128], lut[255], 0, GREY]);
    expect(lut[0]).toBe(0xff0000ff);
    expect(lut[255]).toBe(0xffff0000);
  });

  it("stand limits that are equal", () => {
    const out = new Uint32Array(1);
    colourise(new Float32Array([3]), 3, 3, lut, null, out);
    expect(out[0]).toBe(lut[0]);
  });
});

describe("axes", () => {
  it("have round ticks inside their range", () => {
    expect(niceStep(10, 5)).toBe(2);
    expect(ticks(0.31, 1.02, 4).map((t) => tickText(t, 0.2))).toEqual(["0.4", "0.6", "0.8", "1.0"]);
    expect(ticks(5, -5, 2)).toEqual([-5, 0, 5]);
    expect(tickText(-2, 1)).toBe("−2");
    expect(tickText(-1e-12, 1)).toBe("0");
    expect(niceLimits(1.03, 7.9)).toEqual([1, 8]);
    expect(shown(NaN)).toBe("–");
  });

  it("keep a section readable and say how far it is stretched", () => {
    expect(aspect(100, 40, 700)).toEqual({ exaggeration: 1, height: 280 });
    const flat = aspect(500, 30, 700);
    expect(flat.exaggeration).toBeGreaterThan(1);
    expect(flat.height).toBe(Math.round((700 * 30 * flat.exaggeration) / 500));
    const tall = aspect(10, 100, 700);
    expect(tall.height).toBeLessThan(700);
    expect(tall.height).toBe(Math.round(7000 * tall.exaggeration));
  });
});

describe("isolines", () => {
  it("of a plane are straight and where they belong", () => {
    const [nx, nz] = [5, 4];
    const values = Float32Array.from({ length: nx * nz }, (_, c) => c % nx);
    const [line] = isolines(values, null, nx, nz, 1.5, 1.9, 0.75);
    expect(line.length).toBe(4 * (nz - 1));
    for (let i = 0; i < line.length; i += 2) expect(line[i]).toBeCloseTo(1.5, 6);
  });

  it("keep out of cells without a value and of greyed ones", () => {
    const values = Float32Array.from([0, 1, 0, 1, 0, NaN]);
    const [line] = isolines(values, null, 3, 2, 0.5, 0.5, 0.5);
    expect(line.length / 4).toBe(2);
    expect(isolines(values, new Uint8Array(6).fill(1), 3, 2, 0.5, 0.5, 0.5)[0].length).toBe(0);
  });
});

describe("names of files", () => {
  it("hold nothing that could leave a folder or break a shell", () => {
    expect(fileName("../../etc/passwd <b>$(x)</b>", "png")).toBe("etc_passwd_b_x_b.png");
    expect(fileName("…", "svg")).toBe("figure.svg");
  });
});
