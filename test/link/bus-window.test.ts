import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Intake, Window } from "../../src/link/bus-window.ts";

describe("the window of a sender", () => {
  it("takes what fits, and a larger frame only when nothing is under way", () => {
    const window = new Window(100);
    expect(window.takes(60)).toBe(true);
    expect(window.takes(41)).toBe(false);
    expect(window.takes(40)).toBe(true);
    window.give(99);
    expect(window.takes(500)).toBe(false);
    window.give(1);
    expect(window.takes(500)).toBe(true);
    expect(window.takes(1)).toBe(false);
    window.give(500);
    expect(window.takes(100)).toBe(true);
  });

  it("is never larger than it was at first, and one of no bytes takes one frame at a time", () => {
    const window = new Window(100);
    window.give(1000);
    expect(window.takes(60)).toBe(true);
    expect(window.takes(60)).toBe(false);
    const narrow = new Window(0);
    expect(narrow.takes(10)).toBe(true);
    expect(narrow.takes(10)).toBe(false);
    narrow.give(10);
    expect(narrow.takes(10)).toBe(true);
  });
});

describe("the intake of a receiver", () => {
  it("gives back a quarter of the window at least, or what is left when idle", () => {
    const intake = new Intake(100);
    for (let n = 0; n < 5; n += 1) expect(intake.took(20)).toBe(true);
    intake.worked(20);
    expect(intake.grant()).toBe(0);
    intake.worked(5);
    expect(intake.grant()).toBe(25);
    intake.worked(15);
    expect(intake.grant()).toBe(0);
    intake.worked(60);
    expect(intake.grant()).toBe(75);
    expect(intake.isDue).toBe(false);
  });

  it("gives back no more than has come, and notices a sender that goes past its window", () => {
    const intake = new Intake(100);
    expect(intake.took(300)).toBe(true);
    intake.worked(1000);
    expect(intake.grant()).toBe(300);
    expect(intake.took(60)).toBe(true);
    expect(intake.took(41)).toBe(false);
  });
});

describe("window and intake together", () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant("send" as const), bytes: fc.integer({ min: 20, max: 300 }) }),
    fc.record({ do: fc.constant("arrive" as const) }),
    fc.record({ do: fc.constant("work" as const) }),
    fc.record({ do: fc.constant("grant" as const) }),
    fc.record({ do: fc.constant("credit" as const) }),
  );

  it("bound what is under way, accuse nobody, and never come to a stop", () => {
    fc.assert(
      fc.property(fc.nat({ max: 200 }), fc.array(step, { maxLength: 200 }), (size, steps) => {
        const window = new Window(size);
        const intake = new Intake(size);
        const wire: number[] = [];
        const atWork: number[] = [];
        const credits: number[] = [];
        const sum = (list: readonly number[]) => list.reduce((all, one) => all + one, 0);
        const go: Record<string, (bytes: number) => void> = {
          send: (bytes) => window.takes(bytes) && wire.push(bytes),
          arrive: () => {
            const bytes = wire.shift();
            if (bytes === undefined) return;
            expect(intake.took(bytes)).toBe(true);
            atWork.push(bytes);
          },
          work: () => intake.worked(atWork.shift() ?? 0),
          grant: () => credits.push(intake.grant()),
          credit: () => window.give(credits.shift() ?? 0),
        };
        for (const each of steps) {
          go[each.do]?.("bytes" in each ? each.bytes : 0);
          const underWay = wire.length + atWork.length;
          if (underWay > 1) expect(sum(wire) + sum(atWork)).toBeLessThanOrEqual(size);
        }
        // All that is under way is worked off: any frame may go again.
        while (wire.length > 0) go.arrive?.(0);
        while (atWork.length > 0) go.work?.(0);
        go.grant?.(0);
        while (credits.length > 0) go.credit?.(0);
        expect(window.takes(size + 1000)).toBe(true);
      }),
    );
  });
});
