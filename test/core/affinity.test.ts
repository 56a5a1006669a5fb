import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { StickyBy } from "../../src/config/app.ts";
import { COOKIE_DEFAULTS } from "../../src/config/sticky-cookie.ts";
import {
  type Decision,
  ownerOf,
  type Peer,
  rulesOf,
  type StickyRequest,
  tableOf,
} from "../../src/core/affinity.ts";
import type { NamedSticky } from "../../src/core/sticky.ts";

const sticky = (by: readonly StickyBy[], more: Partial<NamedSticky> = {}): NamedSticky => ({
  by,
  cookie: { ...COOKIE_DEFAULTS, name: "holdfast" },
  trustProxy: [],
  placement: "kernel",
  ...more,
});

const peer = (tag: string, worker: number, slot: number, state: Peer["state"] = "ready"): Peer => ({
  tag,
  worker,
  slot,
  state,
  path: `/run/${tag}`,
  sessions: 0,
  utilization: 0,
});

const PEERS = [
  peer("aaaa", 1, 0),
  peer("bbbb", 2, 1),
  peer("gone", 3, 2, "draining"),
  peer("cccc", 4, 2),
  peer("boot", 5, 3, "starting"),
];

const ask = (more: Partial<StickyRequest> = {}): StickyRequest => ({
  url: "/",
  headers: {},
  address: "192.0.2.1",
  ...more,
});
const withSid = (tag: string, headers = {}): StickyRequest =>
  ask({ url: `/socket.io/?EIO=4&transport=polling&sid=${tag}0123456789abcdef`, headers });
const withCookie = (tag: string): StickyRequest =>
  ask({ headers: { cookie: `theme=dark; holdfast=${tag}` } });

/** Short: what a test compares. */
function told(decision: Decision): string {
  if (decision.kind === "peer") return `${decision.peer.tag} by ${decision.by}`;
  return `here, ${decision.why}${decision.issue ? ", cookie" : ""}`;
}

describe("with session ids and cookies", () => {
  const rules = rulesOf(sticky(["socket.io", "cookie"]));
  const cases: readonly (readonly [string, StickyRequest, string])[] = [
    ["no session", ask(), "here, new, cookie"],
    ["a cookie of its own", withCookie("aaaa"), "here, local"],
    ["another's cookie", withCookie("bbbb"), "bbbb by cookie"],
    ["a starting worker's cookie", withCookie("boot"), "boot by cookie"],
    ["a draining worker's cookie", withCookie("gone"), "here, moved, cookie"],
    ["a dead worker's cookie", withCookie("zzzz"), "here, moved, cookie"],
    ["a cookie that is no tag", withCookie("toolong"), "here, new, cookie"],
    ["a cookie named as a property is", withCookie("__proto__"), "here, new, cookie"],
    ["a sid of its own", withSid("aaaa"), "here, local"],
    ["another's sid", withSid("bbbb"), "bbbb by socket.io"],
    ["a draining worker's sid", withSid("gone"), "gone by socket.io"],
    ["a starting worker's sid", withSid("boot"), "boot by socket.io"],
    ["a dead worker's sid", withSid("zzzz"), "here, moved, cookie"],
    ["a sid before another's cookie", withSid("aaaa", { cookie: "holdfast=bbbb" }), "here, local"],
    [
      "a live cookie with another's sid",
      withSid("bbbb", { cookie: "holdfast=cccc" }),
      "bbbb by socket.io",
    ],
    [
      "cookies that are no text",
      ask({ headers: { cookie: ["holdfast=bbbb"] } }),
      "here, new, cookie",
    ],
  ];
  it.each(cases)("%s", (_, request, expected) => {
    expect(told(ownerOf(request, tableOf("aaaa", PEERS), rules))).toBe(expected);
  });

  it("without a table every session is its own, or one that moves here", () => {
    const table = tableOf("aaaa", []);
    expect(told(ownerOf(withCookie("aaaa"), table, rules))).toBe("here, local");
    expect(told(ownerOf(withCookie("bbbb"), table, rules))).toBe("here, moved, cookie");
    expect(told(ownerOf(ask(), table, rules))).toBe("here, new, cookie");
  });
});

describe("a worker that leaves", () => {
  const table = tableOf("gone", PEERS);
  it.each([
    ["serves what has no session, and names itself to nobody", ask(), "here, new"],
    ["serves its own cookie", withCookie("gone"), "here, local"],
    ["serves its own sid", withSid("gone"), "here, local"],
    ["sends a living worker's session there", withCookie("bbbb"), "bbbb by cookie"],
    ["serves a dead worker's session, without a cookie", withCookie("zzzz"), "here, moved"],
  ])("%s", (_, request, expected) => {
    expect(told(ownerOf(request, table, rulesOf(sticky(["socket.io", "cookie"]))))).toBe(expected);
  });

  it("leaves what is hashed to those who stay", () => {
    const rules = rulesOf(sticky(["ip"]));
    for (let last = 0; last < 50; last += 1) {
      const request = ask({ address: `192.0.2.${last}` });
      expect(told(ownerOf(request, table, rules))).toMatch(/^(aaaa|bbbb|cccc) by ip$/);
    }
    const alone = tableOf("gone", [peer("gone", 3, 2, "draining")]);
    expect(told(ownerOf(ask(), alone, rules))).toBe("here, local");
  });
});

describe("hashed", () => {
  const TAGS = ["aaaa", "bbbb", "cccc"];
  /** The tag of the worker that serves it, as each of them sees it: they agree. */
  const ownerTag = (request: StickyRequest, given: NamedSticky, peers = PEERS): string => {
    const owners = TAGS.map((self) => {
      const decision = ownerOf(request, tableOf(self, peers), rulesOf(given));
      return decision.kind === "peer" ? decision.peer.tag : self;
    });
    expect(new Set(owners).size).toBe(1);
    return owners[0] as string;
  };

  it("belongs to a ready worker, and all workers agree on which", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary", minLength: 1 }),
      fc.constantFrom("__proto__", "\ud800"),
    );
    fc.assert(
      fc.property(text, fc.ipV4(), fc.ipV6(), (value, ipv4, ipv6) => {
        for (const [request, by] of [
          [ask({ headers: { "x-room": value } }), "header:X-Room"],
          [ask({ url: `/?room=${value.replace(/[&#]/g, "x")}` }), "query:room"],
          [ask({ address: ipv4 }), "ip"],
          [ask({ address: ipv6 }), "ip"],
        ] as const) {
          expect(TAGS).toContain(ownerTag(request, sticky([by])));
        }
      }),
    );
  });

  it("belongs to the oldest ready worker of its slot", () => {
    const newer = [...PEERS.map((each) => ({ ...each, worker: each.worker + 100 }))].map(
      (each) => ({
        ...each,
        tag: each.tag.toUpperCase(),
      }),
    );
    for (let last = 0; last < 50; last += 1) {
      const request = ask({ address: `192.0.2.${last}` });
      const alone = ownerTag(request, sticky(["ip"]));
      expect(ownerTag(request, sticky(["ip"]), [...newer, ...PEERS])).toBe(alone);
    }
  });

  it("is spread over all ready slots", () => {
    const owners = Array.from({ length: 100 }, (_, index) =>
      ownerTag(ask({ headers: { "x-room": `room ${index}` } }), sticky(["header:x-room"])),
    );
    expect(new Set(owners)).toEqual(new Set(TAGS));
  });

  it("by address: of a trusted proxy's client, and of none behind a UNIX socket", () => {
    const given = sticky(["ip"], { trustProxy: ["10.0.0.0/8"] });
    const direct = ownerTag(ask({ address: "203.0.113.77" }), given);
    const headers = { "x-forwarded-for": "192.0.2.1, 203.0.113.77" };
    expect(ownerTag(ask({ address: "10.0.0.1", headers }), given)).toBe(direct);
    expect(ownerTag(ask({ address: "::ffff:203.0.113.77", headers }), given)).toBe(direct);
    const local = ask({ address: undefined, headers });
    expect(told(ownerOf(local, tableOf("aaaa", PEERS), rulesOf(given)))).toBe("here, new");
  });

  it("the next one decides where a request lacks the first", () => {
    const given = sticky(["header:x-room", "query:room"]);
    const byQuery = ownerTag(ask({ url: "/?room=7" }), given);
    expect(ownerTag(ask({ headers: { "x-room": "7" } }), given)).toBe(byQuery);
    const table = tableOf("aaaa", PEERS);
    expect(told(ownerOf(ask({ url: "/?other=7" }), table, rulesOf(given)))).toBe("here, new");
  });

  it.each(["__proto__", "constructor", "toString", "hasOwnProperty"])(
    "a header or parameter named %s is one as any other, or none",
    (name) => {
      const table = tableOf("aaaa", PEERS);
      const rules = rulesOf(sticky([`header:${name}`, `query:${name}`]));
      expect(told(ownerOf(ask(), table, rules))).toBe("here, new");
      expect(TAGS).toContain(ownerTag(ask({ url: `/?${name}=x` }), sticky([`query:${name}`])));
    },
  );

  it("is given a cookie by its owner where the cookie comes first, and none where it comes later", () => {
    const answers = (by: readonly StickyBy[]): string[] =>
      TAGS.map((self) => told(ownerOf(ask(), tableOf(self, PEERS), rulesOf(sticky(by)))));
    expect(answers(["cookie", "ip"])).toContain("here, local, cookie");
    expect(answers(["ip", "cookie"])).toContain("here, local");
    expect(answers(["ip", "cookie"])).not.toContain("here, local, cookie");
  });
});

describe("whatever a request says", () => {
  it("it is served here or sent to a worker of the table that is not this one", () => {
    const text = fc.oneof(
      fc.string({
        unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
      }),
      fc.constantFrom(
        "aaaa",
        "bbbb",
        "gone",
        "holdfast=",
        "?EIO=4&sid=",
        "&room=",
        "x".repeat(65_536),
      ),
    );
    const line = fc.array(text, { maxLength: 6 }).map((pieces) => pieces.join(""));
    const by = fc.shuffledSubarray<StickyBy>(
      ["socket.io", "cookie", "ip", "header:x-room", "query:room"],
      { minLength: 1 },
    );
    const self = fc.constantFrom("aaaa", "gone", "boot", "none");
    fc.assert(
      fc.property(by, self, line, line, line, fc.option(line, { nil: undefined }), (...given) => {
        const [order, own, url, cookie, header, address] = given;
        const headers = { cookie, "x-room": header, "x-forwarded-for": header };
        const rules = rulesOf(sticky(order, { trustProxy: ["0.0.0.0/0", "::/0"] }));
        const decision = ownerOf({ url, headers, address }, tableOf(own, PEERS), rules);
        if (decision.kind === "peer") {
          expect(PEERS).toContain(decision.peer);
          expect(decision.peer.tag).not.toBe(own);
          expect(order).toContain(decision.by);
        } else if (decision.issue) {
          expect(order).toContain("cookie");
          expect(own).not.toBe("gone");
        }
      }),
      { numRuns: 1000 },
    );
  });
});
