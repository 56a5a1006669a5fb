/** How a member comes in, and is told what was before, where the others or the supervisor have much to do. */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Inflow } from "../../src/core/socket-io/inflow.ts";
import { Ledger } from "../../src/core/socket-io/ledger.ts";
import { Sessions } from "../../src/core/socket-io/sessions.ts";
import type { Entry } from "../../src/core/socket-io/terms.ts";
import { HoldfastError } from "../../src/errors.ts";
import { CatchUp } from "../../src/socket-io/catch-up.ts";
import { Entrance, type EntrancePort } from "../../src/socket-io/entrance.ts";
import { Faults } from "../../src/socket-io/faults.ts";
import { Intake } from "../../src/socket-io/intake.ts";

const BODY = new Uint8Array(600_000);
const LIMITS = { keptMs: 60_000, maxPackets: 1000, maxBytes: 64_000_000 };

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function entry(from: string, n: number, body = BODY): Entry {
  const meta = { nsp: "/", type: 2, rooms: [], except: [] };
  return { from, n, at: Date.now(), kind: "packet", meta, body };
}

function intakeOf(ledger: Ledger<Entry>, lost: (from: string, count: number) => void): Intake {
  return new Intake("me", {
    ...{ apply: () => {}, own: () => {}, repair: () => {}, ledger, lost },
    ...{ isRepairing: () => false, isMember: () => true },
  });
}

describe("what a new member is told", () => {
  type Letter = readonly [kind: "want" | "page", value: unknown];

  /** One that asks, and those who have these entries and answer after so long; null: never. */
  function world(count: number, delays: Record<string, (page: number) => number | null>) {
    const post = (to: string, ...[, value]: Letter): void =>
      others.get(to)?.heardWant("me", value as never);
    const make = (post: (to: string, ...letter: Letter) => void) => {
      const inflow = new Inflow<Entry>();
      const ledger = new Ledger<Entry>(LIMITS);
      const sessions = new Sessions(10);
      return { inflow, ledger, sessions, catchUp: new CatchUp({ inflow, ledger, sessions, post }) };
    };
    const me = make(post).catchUp;
    const asked: string[] = [];
    const others = new Map(
      Object.entries(delays).map(([name, delay]) => {
        let pages = 0;
        const answer = (_to: string, ...[, value]: Letter): void => {
          asked.push(name);
          pages += 1;
          const after = delay(pages);
          if (after !== null) setTimeout(() => me.heardPage(value as never), after);
        };
        const { inflow, ledger, catchUp } = make(answer);
        for (let n = 1; n <= count; n += 1) {
          ledger.append(entry("x", n));
          inflow.note("x", n);
        }
        return [name, catchUp];
      }),
    );
    return { me, asked };
  }

  const numbers = (entries: readonly Entry[] = []) => entries.map(({ n }) => n);
  const ALL = Array.from({ length: 12 }, (_, n) => n + 1);

  it("is all taken though one page comes late", async () => {
    const { me } = world(12, { a: (page) => (page === 2 ? 3500 : 10) });
    const telling = me.fetch(["a"], new Map(), true);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(numbers((await telling)?.entries)).toEqual(ALL);
  });

  it("is taken from another one where the first does not go on, without what has come", async () => {
    const { me, asked } = world(12, { a: (page) => (page > 1 ? null : 10), b: () => 10 });
    const came: number[] = [];
    const telling = me.fetch(
      ["a", "b"],
      new Map(),
      true,
      (some) => void came.push(...numbers(some)),
    );
    await vi.advanceTimersByTimeAsync(30_000);
    expect(numbers((await telling)?.entries)).toEqual(ALL);
    expect([came, asked[0], asked.at(-1)]).toEqual([ALL, "a", "b"]);
  });

  it("is nothing where nobody answers, or all are gone", async () => {
    const { me } = world(1, { a: () => null, b: () => null });
    const telling = me.fetch(["a", "b"], new Map(), true);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(await telling).toBe(null);
    const again = me.fetch(["a", "b"], new Map(), true);
    me.gone("a");
    await vi.advanceTimersByTimeAsync(1);
    me.gone("b");
    expect(await again).toBe(null);
  });
});

describe("a member that comes in", () => {
  it("tries again later and later where the bus has no room for long, and works alone meanwhile", async () => {
    const overloaded = { subject: "all", reason: "full" };
    const tried: number[] = [];
    let isFull = true;
    const open = vi.fn(async (): Promise<readonly string[]> => {
      tried.push(performance.now());
      if (isFull) throw new HoldfastError("HF_BUS_OVERLOADED", overloaded);
      return [];
    });
    const states: string[] = [];
    const faults = new Faults(() => [{ listenerCount: () => 1, emit: () => true }]);
    const intake = intakeOf(new Ledger<Entry>(LIMITS), () => {});
    const entrance = new Entrance({
      ...{ bus: { on: () => () => {} }, line: { open, close: async () => {} }, faults, intake },
      ...{ sessions: new Sessions(1), catchUp: { fetch: async () => null } },
      outflow: {
        ...{ state: "detached", open: () => void states.push("open") },
        detach: (state: string) => void states.push(state),
      },
      ...{ hello: () => {}, detached: () => {} },
    } as unknown as EntrancePort);
    void entrance.begin();
    await vi.advanceTimersByTimeAsync(10_000);
    expect([states[0], intake.isLive, entrance.isOpen]).toEqual(["detached", true, false]);
    await vi.advanceTimersByTimeAsync(100_000);
    const last = tried.slice(-2) as [number, number];
    expect(last[1] - last[0]).toBeGreaterThanOrEqual(30_000);
    expect(tried.length).toBeLessThan(30);
    isFull = false;
    await vi.advanceTimersByTimeAsync(30_000);
    expect([states.at(-1), entrance.isOpen]).toEqual(["open", true]);
  });
});

describe("what is missing", () => {
  it("is waited for as long as it was, whatever the clock of the machine does", () => {
    const lost: unknown[] = [];
    const intake = intakeOf(new Ledger<Entry>(LIMITS), (...each) => void lost.push(each));
    intake.goLive(null);
    intake.take(entry("a", 1));
    intake.take(entry("a", 3));
    vi.setSystemTime(Date.now() + 3_600_000);
    vi.advanceTimersByTime(1000);
    expect(lost).toEqual([]);
    vi.setSystemTime(Date.now() - 7_200_000);
    vi.advanceTimersByTime(2000);
    expect(lost).toEqual([["a", 1]]);
  });
});
