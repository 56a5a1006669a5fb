/** Placement of new sessions by load. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { COOKIE_DEFAULTS } from "../../src/config/sticky-cookie.ts";
import { type Peer, place, rulesOf, type Table, tableOf } from "../../src/core/affinity.ts";

const rulesFor = (placement: "kernel" | "least-loaded") =>
  rulesOf({
    by: ["cookie"],
    cookie: { ...COOKIE_DEFAULTS, name: "holdfast" },
    trustProxy: [],
    placement,
  });
const rules = rulesFor("least-loaded");

const peersWith = (sessions: readonly number[], utilization: readonly number[] = []): Peer[] =>
  sessions.map((open, index) => ({
    ...{ tag: `tag${index}`, worker: index + 1, slot: index, state: "ready", path: "/run/x" },
    sessions: open,
    utilization: utilization[index] ?? 0,
  }));

/** Sessions by peer after so many placements. */
function placed(count: number, table: Table, peers: readonly Peer[]): number[] {
  const sessions = new Map(peers.map((peer) => [peer.tag, peer.sessions]));
  for (let times = 0; times < count; times += 1) {
    const tag = place(table, rules)?.tag ?? table.self;
    sessions.set(tag, (sessions.get(tag) ?? 0) + 1);
  }
  return [...sessions.values()];
}

const spread = (counts: readonly number[]): number => Math.max(...counts) - Math.min(...counts);

describe("a new session", () => {
  it("goes to each of equal workers in turn: none has more than one more than another", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 32 }),
        fc.nat(300),
        fc.nat(50),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (workers, count, open, busy) => {
          const peers = peersWith(Array(workers).fill(open), Array(workers).fill(busy));
          expect(spread(placed(count, tableOf("tag0", peers), peers))).toBeLessThanOrEqual(1);
        },
      ),
    );
  });

  it("evens out what was uneven, by all workers together: within 5 % after 10,000", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(500), { minLength: 2, maxLength: 12 }), (open) => {
        const peers = peersWith(open);
        const tables = peers.map(({ tag }) => tableOf(tag, peers));
        const counts = new Map(peers.map((peer) => [peer.tag, peer.sessions]));
        for (let times = 0; times < 10_000; times += 1) {
          const table = tables[times % tables.length] as Table;
          const tag = place(table, rules)?.tag ?? table.self;
          counts.set(tag, (counts.get(tag) ?? 0) + 1);
        }
        expect(spread([...counts.values()])).toBeLessThan(0.05 * Math.max(...counts.values()));
      }),
      { numRuns: 30 },
    );
  });

  it("goes less often to a worker that is clearly busier", () => {
    const peers = peersWith([0, 0], [0, 1]);
    const [idle = 0, busy = 0] = placed(3000, tableOf("tag0", peers), peers);
    expect(idle / busy).toBeCloseTo(1.7, 1);
  });

  it("comes out even however workers differ by what an even load makes of them", () => {
    const utilization = fc.double({ min: 0.5, max: 0.8, noNaN: true });
    fc.assert(
      fc.property(fc.array(utilization, { minLength: 2, maxLength: 12 }), (busy) => {
        const peers = peersWith(Array(busy.length).fill(7), busy);
        expect(spread(placed(1000, tableOf("tag0", peers), peers))).toBeLessThanOrEqual(1);
      }),
    );
  });

  it("stays where it came where nobody carries less, and each worker begins with itself", () => {
    const peers = peersWith([3, 3, 3]);
    for (const { tag } of peers) expect(place(tableOf(tag, peers), rules)).toBeNull();
    const table = tableOf("tag1", peers);
    const order = Array.from({ length: 4 }, () => place(table, rules)?.tag ?? null);
    expect(order).toEqual([null, "tag2", "tag0", null]);
  });

  it("of equal scores the one with fewer sessions gets it", () => {
    const peers = peersWith([3, 1], [0, 1]);
    expect(place(tableOf("tag0", peers), rules)?.tag).toBe("tag1");
  });

  it("goes to ready workers only, and stays where there are none", () => {
    const [first, second, third] = peersWith([9, 0, 0]) as [Peer, Peer, Peer];
    const others = [
      { ...second, state: "draining" as const },
      { ...third, state: "starting" as const },
    ];
    expect(place(tableOf("tag0", [first, ...others]), rules)).toBeNull();
    expect(place(tableOf("tag2", [first, ...others]), rules)?.tag).toBe("tag0");
    expect(place(tableOf("tag0", []), rules)).toBeNull();
  });

  it("stays with a worker that leaves, and where the kernel decides", () => {
    const [first, second] = peersWith([9, 0]) as [Peer, Peer];
    const leaving = tableOf("tag0", [{ ...first, state: "draining" }, second]);
    expect(place(leaving, rules)).toBeNull();
    expect(place(tableOf("tag0", [first, second]), rulesFor("kernel"))).toBeNull();
    expect(place(tableOf("tag0", [first, second]), rules)?.tag).toBe("tag1");
  });
});
