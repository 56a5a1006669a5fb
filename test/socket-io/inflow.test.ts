/** Entries that come too early, and what is done where those before them do not come. */

import { describe, expect, it } from "vitest";
import { Inflow } from "../../src/core/socket-io/inflow.ts";
import type { Entry } from "../../src/core/socket-io/terms.ts";

function packet(n: number): Entry {
  return { from: "x", n, at: 0, kind: "packet", meta: null, body: new Uint8Array() };
}

describe("what is missing of a member", () => {
  it("is not taken for lost where it was said after the others were asked", () => {
    const inflow = new Inflow<Entry>();
    const given: number[] = [];
    inflow.note("x", 1);
    for (const n of [3, 6, 9]) inflow.take(packet(n), 0, () => {});
    expect(inflow.passOver("x", 7, ({ n }) => given.push(n))).toBe(4);
    expect([given, inflow.positions.get("x")]).toEqual([[3, 6], 7]);
    inflow.take(packet(8), 0, ({ n }) => given.push(n));
    expect([given, inflow.hasGaps]).toEqual([[3, 6, 8, 9], false]);
  });
});

describe("very many entries that wait for one before them", () => {
  const COUNT = 150_000;

  function waiting(): Inflow<Entry> {
    const inflow = new Inflow<Entry>();
    const any = packet(0);
    for (let n = COUNT + 1; n <= 2 * COUNT; n += 1) {
      inflow.take({ ...any, n }, 0, () => {});
    }
    return inflow;
  }

  it("are passed over to, and begun with", () => {
    const one = waiting();
    one.note("x", 0);
    let given = 0;
    expect(one.passOver("x", COUNT, () => (given += 1))).toBe(COUNT);
    const other = waiting();
    other.begin("x", COUNT + 5, () => (given += 1));
    expect(given).toBe(2 * COUNT);
  });

  it("cost the same for each that comes", () => {
    const inflow = waiting();
    inflow.note("x", 0);
    let given = 0;
    const began = performance.now();
    for (let n = 1; n <= 20_000; n += 1) inflow.take(packet(n), 0, () => (given += 1));
    expect(performance.now() - began).toBeLessThan(2000);
    expect(given).toBe(20_000);
  });
});
