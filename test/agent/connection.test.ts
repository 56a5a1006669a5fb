/** What is kept of a connection's requests: each is answered once, in whatever order they come and end. */

import v8 from "node:v8";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Connection, connectionOf } from "../../src/agent/connection.ts";

describe("requests of a connection", () => {
  it("begin once and end once, whatever the order", () => {
    const step = fc.tuple(fc.constantFrom("begin", "finish"), fc.nat({ max: 5 }));
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const connection = new Connection();
        const requests = Array.from({ length: 6 }, () => ({}));
        const open = new Set<number>();
        for (const [what, which] of steps) {
          const request = requests[which] ?? {};
          if (what === "begin") {
            expect(connection.begin(request)).toBe(!open.has(which));
            open.add(which);
          } else {
            const isOpen = open.delete(which);
            expect(connection.finish(request) !== undefined).toBe(isOpen);
          }
          expect(connection.unanswered).toBe(open.size);
        }
      }),
    );
  });

  it("keep the time at which they came, behind others, too", () => {
    const connection = new Connection();
    const [first, second, third] = [{}, {}, {}];
    const before = performance.now();
    for (const request of [first, second, third]) connection.begin(request);
    const times = [third, first, second].map((request) => connection.finish(request) ?? -1);
    const [ofThird = 0, ofFirst = 0, ofSecond = 0] = times;
    expect(ofFirst).toBeGreaterThanOrEqual(before);
    expect([ofFirst, ofSecond, ofThird]).toEqual([...times].sort((a, b) => a - b));
  });

  it("are over with the connection: what is passed on after that begins no more", () => {
    const connection = new Connection();
    const request = {};
    connection.begin(request);
    connection.end();
    expect(connection.unanswered).toBe(0);
    expect(connection.finish(request)).toBeUndefined();
    expect(connection.begin(request)).toBe(false);
  });
});

it("is the same for the same socket", () => {
  const socket = {};
  expect(connectionOf(socket)).toBe(connectionOf(socket));
  expect(connectionOf({})).not.toBe(connectionOf(socket));
});

it("keeps its shape when requests come, or V8 compiles what touches it again and again", () => {
  const haveSameMap = natively("one, other", "return %HaveSameMap(one, other)");
  const fresh = new Connection();
  const used = new Connection();
  const [first, second] = [{}, {}];
  for (const request of [first, second]) used.begin(request);
  for (const request of [first, second]) used.finish(request);
  expect(haveSameMap(used, fresh)).toBe(true);
});

function natively(names: string, body: string): (...values: unknown[]) => unknown {
  v8.setFlagsFromString("--allow-natives-syntax");
  try {
    return new Function(names, body) as (...values: unknown[]) => unknown;
  } finally {
    v8.setFlagsFromString("--no-allow-natives-syntax");
  }
}
