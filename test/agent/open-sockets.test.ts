/** The open sockets are those of a Set, and what has left them is left to the garbage collector at once. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { InternalSocket } from "../../src/agent/node-internals.ts";
import { OpenSockets } from "../../src/agent/open-sockets.ts";
import { leftMb } from "../support/churn.ts";

describe("open sockets", () => {
  it("are those of a Set, whatever comes and goes", () => {
    const step = fc.tuple(fc.constantFrom("add", "delete"), fc.nat({ max: 9 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const all = Array.from({ length: 10 }, () => ({}) as InternalSocket);
        const expected = new Set<InternalSocket>();
        const sockets = new OpenSockets();
        for (const [what, which] of steps) {
          const socket = all[which] as InternalSocket;
          if (what === "add") {
            expected.add(socket);
            sockets.add(socket);
          } else expect(sockets.delete(socket)).toBe(expected.delete(socket));
          expect(sockets.size).toBe(expected.size);
          expect(new Set(sockets)).toEqual(expected);
          for (const each of all) expect(sockets.has(each)).toBe(expected.has(each));
        }
      }),
    );
  });

  it("may close while they are gone through", () => {
    const all = Array.from({ length: 5 }, () => ({}) as InternalSocket);
    const sockets = new OpenSockets();
    for (const socket of all) sockets.add(socket);
    const met: InternalSocket[] = [];
    for (const socket of sockets) {
      met.push(socket);
      sockets.delete(socket);
    }
    expect(met).toEqual(all);
    expect(sockets.size).toBe(0);
  });

  it("are the same when they come wrapped", () => {
    const sockets = new OpenSockets();
    const [first, second] = [{}, {}] as [InternalSocket, InternalSocket];
    sockets.add(first);
    sockets.add(second);
    const wrapped = new Proxy(first, {});
    expect(sockets.has(wrapped)).toBe(true);
    sockets.add(wrapped);
    expect(sockets.size).toBe(2);
    expect(sockets.delete(wrapped)).toBe(true);
    expect([...sockets]).toEqual([second]);
    expect(sockets.delete(first)).toBe(false);
  });

  it.each([undefined, null, "text", 7, Object.freeze({})])(
    "are asked for anything: %s",
    (value) => {
      expect(new OpenSockets().has(value)).toBe(false);
    },
  );

  it("leave nothing behind that only a collection of everything would find, as a Set does", () => {
    expect(leftMb("set")).toBeGreaterThan(50);
    expect(leftMb("open-sockets")).toBeLessThan(2);
  });
});
