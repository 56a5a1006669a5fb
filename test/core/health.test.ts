/** What is thought of a silent worker: a table, and what must hold of every history. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  BEAT_EVERY_MS,
  judge,
  type Lived,
  type Look,
  live,
  looksAfterMs,
  looksEveryMs,
  type Observation,
  type Verdict,
} from "../../src/core/health.ts";

const HANG_MS = 10_000;

const look = (state: string, cpuTicks = 0, majorFaults = 0, at = 0): Look => ({
  ...{ state, cpuTicks, majorFaults, at },
});
const asleep = { before: look("S", 5, 0, 9000), look: look("S", 5, 0, 10_000) };
const busy = { before: look("R", 5, 0, 9000), look: look("R", 100, 0, 10_000) };
const starved = { before: look("R", 5, 0, 9000), look: look("R", 6, 0, 10_000) };
const swapped = { before: look("S", 5, 7, 9000), look: look("R", 9, 17, 10_000) };
const readsCode = { before: look("R", 5, 7, 9000), look: look("R", 99, 9, 10_000) };
const readsMuchCode = { before: look("R", 5, 7, 9000), look: look("R", 99, 99, 10_000) };
const stopped = { before: look("S"), look: look("T") };
const traced = { before: look("S"), look: look("t") };
const onDisk = { before: look("D", 0, 0, 9000), look: look("D", 0, 0, 10_000) };
const onDiskJustNow = { before: look("S", 0, 0, 9000), look: look("D", 0, 0, 10_000) };
const unknown = { before: null, look: null };

const text = (verdict: Verdict): string =>
  verdict.type === "well" ? "well" : `${verdict.type} ${verdict.silence}`;

describe("judge", () => {
  it.each<[string, number, Observation["told"], Pick<Observation, "look" | "before">]>([
    // Within the timeout nothing counts, whatever is told.
    ["well", 9999, "hung", busy],
    ["well", 9999, "debugger", stopped],
    // The watchdog knows; without its word silence must be longer than a beat late and a word late.
    ["gives-up hung", 10_000, "hung", busy],
    ["gives-up hung", 10_000, "hung", asleep],
    ["gives-up hung", 10_000, "hung", unknown],
    ["well", 12_999, null, busy],
    ["gives-up hung", 13_000, null, busy],
    ["gives-up hung", 13_000, null, asleep],
    ["gives-up hung", 13_000, null, unknown],
    // A stopped process has no watchdog to wait for, but its beat may just be due.
    ["well", 10_999, null, stopped],
    ["gives-up stopped", 11_000, null, stopped],
    // Somebody looks at it: for good.
    ["well", 10_999, null, traced],
    ["waits debugger", 11_000, null, traced],
    ["waits debugger", 1_000_000, null, traced],
    ["waits debugger", 1_000_000, "debugger", asleep],
    // What may pass gets three times as long.
    ["waits swapped", 13_000, null, swapped],
    ["waits swapped", 10_000, "hung", onDisk],
    ["waits swapped", 30_999, "hung", onDisk],
    ["gives-up swapped", 31_000, "hung", onDisk],
    ["gives-up swapped", 31_000, null, swapped],
    ["gives-up hung", 10_000, "hung", onDiskJustNow],
    ["gives-up hung", 10_000, "hung", readsCode],
    ["gives-up hung", 10_000, "hung", readsMuchCode],
    ["waits starved", 13_000, null, starved],
    ["gives-up starved", 31_000, null, starved],
  ])("%s: silent for %d ms, told %s, %j", (verdict, silentMs, told, looks) =>
    expect(text(judge({ silentMs, told, ...looks }, HANG_MS))).toBe(verdict),
  );
});

describe("live", () => {
  const start: Lived = { now: 0, wall: 1_000_000, lived: 0, gaps: 0 };

  it.each([
    ["punctual", 1000, 1000, { lived: 1000, gaps: 0 }],
    ["a busy machine", 1900, 1900, { lived: 1900, gaps: 0 }],
    ["stopped or blocked", 2001, 2001, { lived: 0, gaps: 1 }],
    ["suspended, as Linux counts it", 1000, 3_600_000, { lived: 0, gaps: 1 }],
    ["suspended, as macOS counts it", 3_600_000, 3_600_000, { lived: 0, gaps: 1 }],
    ["the clock was set back", 1000, -500_000, { lived: 0, gaps: 1 }],
    ["the clock is being adjusted", 1000, 1001, { lived: 1000, gaps: 0 }],
  ])("%s", (_what, now, wall, expected) =>
    expect(live(start, now, start.wall + wall, 1000)).toMatchObject(expected),
  );
});

/** A worker and a supervisor as the shell plays them: ticks, beats, and what goes wrong in between. */
class Play {
  lived: Lived = { now: 0, wall: 0, lived: 0, gaps: 0 };
  beatAt = 0;
  #gaps = 0;
  #look: Look | null = null;
  #ticks = 0;
  readonly hangMs: number;

  constructor(hangMs: number) {
    this.hangMs = hangMs;
  }

  /** `ms` later; the wall clock may run on alone. */
  pass(ms: number, wallMs = ms): void {
    const { now, wall } = this.lived;
    this.lived = live(this.lived, now + ms, wall + wallMs, looksEveryMs(this.hangMs));
  }

  beat(): void {
    this.beatAt = this.lived.lived;
    this.#gaps = this.lived.gaps;
    this.#look = null;
  }

  silentMs(): number {
    return this.#gaps === this.lived.gaps ? this.lived.lived - this.beatAt : 0;
  }

  look(told: Observation["told"], state: string, ticks: number): Verdict {
    if (this.#gaps !== this.lived.gaps) this.beat();
    const silentMs = this.silentMs();
    if (silentMs < looksAfterMs(this.hangMs)) return { type: "well" };
    const before = this.#look;
    this.#ticks += ticks;
    this.#look = look(state, this.#ticks, 0, this.lived.lived);
    return judge({ silentMs, told, look: this.#look, before }, this.hangMs);
  }
}

const hangTimes = fc.constantFrom(250, 1000, 3000, 10_000, 60_000);
const states = fc.constantFrom("R", "S", "D", "T", "t");
const words = fc.constantFrom(null, "hung" as const, "debugger" as const);

describe("every history", () => {
  it("nobody who beats within hangTimeout of lived time is given up", () => {
    const moment = fc.record({ gapMs: fc.nat(100_000), told: words, state: states });
    fc.assert(
      fc.property(hangTimes, fc.array(moment, { maxLength: 60 }), (hangMs, moments) => {
        const play = new Play(hangMs);
        const every = looksEveryMs(hangMs);
        for (const { gapMs, told, state } of moments) {
          // A gap of any length, then regular ticks up to just before the timeout.
          play.pass(gapMs, gapMs * 2);
          while (play.silentMs() + every < hangMs) {
            play.pass(every);
            expect(play.look(told, state, 0).type).toBe("well");
          }
          play.beat();
        }
      }),
      { numRuns: 300 },
    );
  });

  it("a busy or sleeping loop that never beats again is always given up, soon after the timeout", () => {
    const loops = fc.constantFrom<[string, number]>(["R", 100], ["S", 0], ["T", 0]);
    const told = fc.constantFrom(null, "hung" as const);
    fc.assert(
      fc.property(hangTimes, loops, told, fc.nat(3), (hangMs, [state, cpu], word, gaps) => {
        const play = new Play(hangMs);
        for (let n = 0; n < gaps; n += 1) play.pass(3_600_000);
        const every = looksEveryMs(hangMs);
        const limitMs = hangMs + BEAT_EVERY_MS + 2000 + 2 * every;
        for (let ms = 0; ms < limitMs; ms += every) {
          play.pass(every);
          if (play.look(word, state, cpu).type === "gives-up") return;
        }
        expect.fail(`never given up within ${limitMs} ms`);
      }),
    );
  });

  it("a gap after every few ticks: a suspended machine and a stopped supervisor give nobody up", () => {
    fc.assert(
      fc.property(
        hangTimes,
        states,
        words,
        fc.integer({ min: 0, max: 2 }),
        (hangMs, state, told, n) => {
          const play = new Play(hangMs);
          const every = looksEveryMs(hangMs);
          for (let round = 0; round < 50; round += 1) {
            play.pass(hangMs + 10_000);
            expect(play.look(told, state, 0).type).toBe("well");
            for (let tick = 0; tick < n; tick += 1) {
              play.pass(every);
              expect(play.look(told, state, 0).type).toBe("well");
            }
          }
        },
      ),
    );
  });

  it("a debugger may hold it for ever", () => {
    fc.assert(
      fc.property(hangTimes, fc.array(fc.nat(100_000)), (hangMs, silences) => {
        for (const silentMs of silences) {
          for (const seen of [
            { told: "debugger" as const, ...asleep },
            { told: null, ...traced },
          ])
            expect(judge({ silentMs, ...seen }, hangMs).type).not.toBe("gives-up");
        }
      }),
    );
  });
});
