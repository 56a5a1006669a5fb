/** The option `sticky`: what is read, what is refused and where, and that what is kept reads back. */
import { isIPv4, isIPv6 } from "node:net";
import { Ajv } from "ajv";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Sticky, StickyBy, StickyCookie } from "../../src/config/app.ts";
import { inputOf } from "../../src/config/input.ts";
import { networksKind } from "../../src/config/networks.ts";
import { type ParseContext, parseApp } from "../../src/config/parse.ts";
import { describePlan, planChanges } from "../../src/config/plan.ts";
import { STICKY_DEFAULTS, stickyKind } from "../../src/config/sticky.ts";
import { STICKY_VALUE } from "../../src/config/sticky-by.ts";
import { COOKIE_DEFAULTS } from "../../src/config/sticky-cookie.ts";
import { parseNetwork } from "../../src/core/internet-address.ts";

const read = (sticky: unknown, more: object = {}, context: ParseContext = {}) =>
  parseApp({ script: "a.js", ...more, sticky }, context);
const appWith = (sticky: unknown) => {
  const parsed = read(sticky);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  return parsed.value;
};
const faultsOf = (sticky: unknown, more: object = {}, context: ParseContext = {}) => {
  const parsed = read(sticky, more, context);
  const faults = parsed.ok ? [] : parsed.faults;
  return Object.fromEntries(faults.map(({ path, message }) => [path, message]));
};

describe("sticky", () => {
  it("is off unless it is asked for", () => {
    expect(parseApp({ script: "a.js" })).toMatchObject({ ok: true, value: { sticky: null } });
  });

  it("true is by Socket.IO's session id and by a cookie", () => {
    expect(appWith(true).sticky).toEqual({
      by: ["socket.io", "cookie"],
      cookie: {
        ...{ name: null, path: "/", domain: null, sameSite: "Lax" },
        ...{ secure: "auto", maxAgeSeconds: null },
      },
      trustProxy: [],
      placement: "kernel",
    });
  });

  it.each<[unknown, Partial<Sticky> | null]>([
    [false, null],
    [null, null],
    ["false", null],
    ["true", STICKY_DEFAULTS],
    [{}, STICKY_DEFAULTS],
    ["ip", { by: ["ip"] }],
    ["socket.io,cookie,header:X-Room", { by: ["socket.io", "cookie", "header:x-room"] }],
    [" cookie , query:Room[1] ", { by: ["cookie", "query:Room[1]"] }],
    [["query:a", "query:A"], { by: ["query:a", "query:A"] }],
    [{ by: "ip,cookie" }, { by: ["ip", "cookie"] }],
    [
      { by: ["cookie"], placement: "least-loaded" },
      { by: ["cookie"], placement: "least-loaded" },
    ],
    [{ cookie: {} }, STICKY_DEFAULTS],
    [{ cookie: { name: null } }, STICKY_DEFAULTS],
    [{ trustProxy: "10.0.0.0/8, fd00::/8" }, { trustProxy: ["10.0.0.0/8", "fd00::/8"] }],
    [{ trustProxy: ["::1", "loopback", "::1"] }, { trustProxy: ["::1", "127.0.0.0/8", "::1/128"] }],
    [{ trustProxy: [] }, { trustProxy: [] }],
  ])("%j is read", (given, expected) => {
    const wanted = expected && { ...STICKY_DEFAULTS, ...expected };
    expect(appWith(given).sticky).toEqual(wanted);
  });

  it.each<[object, Partial<StickyCookie>]>([
    [{ name: "sid" }, { name: "sid" }],
    [{ domain: ".Example.COM" }, { domain: "example.com" }],
    [{ maxAge: "1h" }, { maxAgeSeconds: 3600 }],
    [{ maxAge: 1600 }, { maxAgeSeconds: 2 }],
    [{ maxAge: "9600h" }, { maxAgeSeconds: 400 * 24 * 3600 }],
    [{ sameSite: "None" }, { sameSite: "None" }],
    [
      { sameSite: "None", secure: true },
      { sameSite: "None", secure: true },
    ],
    [
      { name: "__Host-hf", secure: true },
      { name: "__Host-hf", secure: true },
    ],
    [
      { name: "__Secure-hf", secure: true, path: "/app" },
      { name: "__Secure-hf", secure: true, path: "/app" },
    ],
  ])("the cookie %j is read", (cookie, expected) => {
    expect(appWith({ cookie }).sticky?.cookie).toEqual({ ...COOKIE_DEFAULTS, ...expected });
  });

  it.each<[unknown, string, string]>([
    ["", "sticky", '"socket.io", "cookie", "ip"'],
    ["cooky", "sticky", 'received "cooky", expected "socket.io"'],
    ["cookie,", "sticky", 'received "", expected'],
    ["cookie,cookie", "sticky", 'has "cookie" a second time'],
    ["true,ip", "sticky", 'received "true"'],
    ["header:", "sticky", "header:NAME"],
    ["header:a b", "sticky", "header:NAME"],
    ["query:a&b", "sticky", "query:NAME"],
    [1, "sticky", "true, which is"],
    [() => 1, "sticky", "received a function"],
    [[], "sticky", "is an empty list"],
    [Array.from({ length: 17 }, (_, at) => `query:q${at}`), "sticky", "at most 16"],
    [["cookie", "IP"], "sticky[1]", 'received "IP"'],
    [["header:X-A", "header:x-a"], "sticky[1]", 'has "header:x-a" a second time'],
    [["cookie,ip"], "sticky[0]", 'received "cookie,ip"'],
    [{ by: [] }, "sticky.by", "is an empty list"],
    [{ by: ["ip", 5] }, "sticky.by[1]", "received 5"],
    [{ by: true }, "sticky.by", "received true"],
    [{ By: "ip" }, "sticky.By", 'expected "by", "cookie", "trustProxy" or "placement"'],
    [{ cookie: "sid" }, "sticky.cookie", "an object such as"],
    [{ cookie: { name: "a b" } }, "sticky.cookie.name", "letters"],
    [{ cookie: { name: "a=b" } }, "sticky.cookie.name", "letters"],
    [{ cookie: { path: "app" } }, "sticky.cookie.path", 'begins with "/"'],
    [{ cookie: { path: "/;Secure" } }, "sticky.cookie.path", 'without blanks and ";"'],
    [{ cookie: { path: "/\r\nX: y" } }, "sticky.cookie.path", "without blanks"],
    [{ cookie: { domain: "a..b" } }, "sticky.cookie.domain", "example.com"],
    [{ cookie: { domain: "a.b; Secure" } }, "sticky.cookie.domain", "example.com"],
    [{ cookie: { sameSite: "lax" } }, "sticky.cookie.sameSite", '"Lax" or "Strict"'],
    [{ cookie: { secure: "yes" } }, "sticky.cookie.secure", '"auto"'],
    [{ cookie: { maxAge: "10ms" } }, "sticky.cookie.maxAge", "from 1 s"],
    [{ cookie: { maxAge: "9601h" } }, "sticky.cookie.maxAge", "to 9600 h"],
    [{ cookie: { httpOnly: false } }, "sticky.cookie.httpOnly", "is unknown"],
    [{ cookie: { sameSite: "None", secure: false } }, "sticky.cookie.secure", "SameSite=None"],
    [{ cookie: { name: "__Host-hf" } }, "sticky.cookie.secure", "must be true"],
    [
      { cookie: { name: "__host-hf", secure: true, path: "/x" } },
      "sticky.cookie.path",
      'must be "/"',
    ],
    [
      { cookie: { name: "__Host-hf", secure: true, domain: "a.b" } },
      "sticky.cookie.domain",
      "must be left out",
    ],
    [{ cookie: { name: "__Secure-hf", secure: false } }, "sticky.cookie.secure", "must be true"],
    [{ trustProxy: true }, "sticky.trustProxy", '"loopback" or "private"'],
    [{ trustProxy: ["loopback", "localhost"] }, "sticky.trustProxy[1]", 'received "localhost"'],
    [{ trustProxy: ["10.0.0.0/33"] }, "sticky.trustProxy[0]", "10.0.0.0/33"],
    [{ placement: "random" }, "sticky.placement", '"kernel" or "least-loaded"'],
    [
      { by: ["ip", "header:x"], placement: "least-loaded" },
      "sticky.placement",
      "must be found again",
    ],
  ])("%j is refused", (given, path, message) => {
    expect(faultsOf(given)).toEqual({ [path]: expect.stringContaining(message) });
  });

  it("tells all its faults at once", () => {
    const given = {
      by: ["cookie", "cookie"],
      cookie: { name: "", sameSite: 1 },
      trustProxy: ["x", "1.2.3.4"],
      placement: null,
    };
    expect(Object.keys(faultsOf(given)).sort()).toEqual([
      ...["sticky.by[1]", "sticky.cookie.name", "sticky.cookie.sameSite"],
      ...["sticky.placement", "sticky.trustProxy[0]"],
    ]);
  });

  it("is proposed to who has almost written it, and named by its flag on a command line", () => {
    expect(parseApp({ script: "a.js", stiky: true })).toMatchObject({
      faults: [{ path: "stiky", message: "is not an option, did you mean sticky?" }],
    });
    expect(faultsOf("cooky", {}, { paths: "flags" })).toHaveProperty(["--sticky"]);
  });

  it("needs workers of node:cluster", () => {
    const message = expect.stringContaining('needs execMode "cluster"');
    expect(faultsOf(true, { execMode: "fork" })).toEqual({ sticky: message });
    expect(faultsOf(true, {}, { pm2Defaults: true })).toEqual({ sticky: message });
    expect(faultsOf(true, { instances: 2 }, { pm2Defaults: true })).toEqual({});
    expect(faultsOf(false, { execMode: "fork" })).toEqual({});
  });

  it("changes by a reload, and the plan says what", () => {
    const cookie = { name: "sid", maxAge: "1h" };
    const wanted = { cookie, trustProxy: "::1", placement: "least-loaded" };
    const plan = (from: unknown, to: unknown) =>
      planChanges([appWith(from)], [appWith(to)], { prune: false });
    expect(plan(true, ["socket.io", "cookie"])).toMatchObject([{ type: "keep" }]);
    expect(plan(false, true)).toMatchObject([{ type: "reload" }]);
    expect(describePlan(plan(false, true))).toEqual(["a: sticky none -> socket.io, cookie"]);
    expect(stickyKind.show(appWith(wanted).sticky)).toBe(
      "socket.io, cookie; least-loaded; cookie name=sid, maxAgeSeconds=3600; trusts ::1",
    );
  });
});

describe("networks", () => {
  it("the words stand for what is routed on no public network", () => {
    expect(networksKind.read("private")).toEqual({
      ok: true,
      value: [
        ...["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"],
        ...["fc00::/7", "fe80::/10"],
      ],
    });
  });

  it.each([
    ["2001:DB8::/32", "2001:db8::/32"],
    ["::", "::"],
    ["::/0", "::/0"],
    ["::ffff:10.0.0.0/104", "10.0.0.0/8"],
    ["0:0:0:0:0:FFFF:7f00:1", "127.0.0.1"],
    ["64:ff9b::1.2.3.4", "64:ff9b::1.2.3.4"],
  ])("%s is %s", (text, network) =>
    expect(networksKind.read(text)).toEqual({ ok: true, value: [network] }),
  );

  it.each([
    ...["", "localhost", "Private", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.256", "1.2.3.4/"],
    ...["1.2.3.4/08", "1.2.3.4/-1", "1.2.3.4/8/8", "1.2.3.4 ", ":::", "1::2::3", "fe80::1%eth0"],
    ...["12345::", "::/129", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8::", ":1::2"],
    ...[
      "::1.2.3.4.5",
      "1.2.3.4::",
      "[::1]",
      "::1:",
      "::ffff:0:0/90",
      1,
      null,
      {},
      ["10.0.0.0/8", 1],
    ],
  ])("%j is none", (value) => expect(networksKind.read(value).ok).toBe(false));

  it("an address is what Node says is one, but for zones", () => {
    const part = fc.constantFrom("0", "1", "ffff", "FE80", "10", "255", "256", "01", "12345", "g");
    const text = fc
      .array(fc.oneof(part, fc.constantFrom(":", ":", "::", ".")), { maxLength: 18 })
      .map((parts) => parts.join(""));
    const address = fc.oneof(text, fc.ipV4(), fc.ipV6(), fc.string({ maxLength: 20 }));
    fc.assert(
      fc.property(address, (each) => {
        const isNetwork = each.includes("/") || each.includes("%");
        fc.pre(!isNetwork && each !== "loopback" && each !== "private");
        expect(networksKind.read(each).ok, each).toBe(isIPv4(each) || isIPv6(each));
      }),
      { numRuns: 3000 },
    );
  });
});

describe("every network that is read", () => {
  it("is one to those who decide by it", () => {
    const bits = fc.option(fc.integer({ min: 0, max: 128 }));
    const text = fc
      .tuple(fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom("::ffff:1.2.3.4", "::ffff:0:0")), bits)
      .map(([address, length]) => (length === null ? address : `${address}/${length}`));
    fc.assert(
      fc.property(fc.oneof(text, fc.constantFrom("loopback", "private")), (each) => {
        const reading = networksKind.read(each);
        const made = reading.ok ? reading.value : [each];
        for (const one of made) expect(parseNetwork(one) !== null, one).toBe(reading.ok);
      }),
      { numRuns: 2000 },
    );
  });
});

const by = fc.oneof(
  fc.constantFrom<StickyBy>("socket.io", "cookie", "ip"),
  fc.stringMatching(/^[!#$%&'*+.^_`|~0-9a-z-]{1,20}$/).map((name): StickyBy => `header:${name}`),
  fc.stringMatching(/^[A-Za-z0-9_.[\]-]{1,20}$/).map((name): StickyBy => `query:${name}`),
);
const cookie: fc.Arbitrary<StickyCookie> = fc.record({
  name: fc.stringMatching(/^[a-z!#]{1,20}$/),
  path: fc.constantFrom("/", "/app", "/a/b%20"),
  domain: fc.constantFrom(null, "example.com", "localhost"),
  sameSite: fc.constantFrom("Lax" as const, "Strict" as const),
  secure: fc.constantFrom<StickyCookie["secure"]>("auto", true, false),
  maxAgeSeconds: fc.option(fc.integer({ min: 1, max: 400 * 86_400 })),
});
const sticky: fc.Arbitrary<Sticky> = fc.record({
  by: fc
    .uniqueArray(by, { minLength: 1, maxLength: 6 })
    .map((all): readonly StickyBy[] => [...new Set<StickyBy>(["cookie", ...all])]),
  cookie,
  trustProxy: fc.uniqueArray(fc.constantFrom("10.0.0.0/8", "::1/128", "fd00::/8", "1.2.3.4")),
  placement: fc.constantFrom("kernel" as const, "least-loaded" as const),
});

describe("what is kept of it", () => {
  it("reads back as the same", () => {
    fc.assert(
      fc.property(sticky, (each) => {
        const kept = JSON.parse(JSON.stringify(inputOf({ ...appWith(null), sticky: each })));
        expect(parseApp(kept)).toMatchObject({ ok: true, value: { sticky: each } });
      }),
    );
  });

  it("goes into a schema that takes all the reader takes, and no less than the obvious is refused", () => {
    const valid = new Ajv().compile(stickyKind.schema as Record<string, unknown>);
    const anything = fc.oneof(
      sticky.map((each) => stickyKind.write?.(each)),
      fc.constantFrom(true, false, null, "true", "false", "ip", "cookie,ip", {}, [], "", 5),
      fc.array(by).map((all) => all.join(", ")),
      fc.array(fc.oneof(by, fc.string())),
      fc.record({ trustProxy: fc.oneof(fc.ipV6(), fc.constant("loopback, private")) }),
      fc.jsonValue({ maxDepth: 2 }),
    );
    fc.assert(
      fc.property(anything, (value) => {
        if (stickyKind.read(value).ok) expect(valid(value), JSON.stringify(value)).toBe(true);
      }),
      { numRuns: 2000 },
    );
    for (const wrong of [5, [], ["cooky"], { bye: "ip" }, { cookie: { name: "a b" } }])
      expect(valid(wrong), JSON.stringify(wrong)).toBe(false);
  });

  it("never throws, whatever is given", () => {
    const hostile = {
      get by(): never {
        throw new Error("no");
      },
    };
    expect(faultsOf(hostile)).toEqual({ "sticky.by": "reading it throws an error" });
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true }), (value) => {
        expect(typeof stickyKind.read(value).ok).toBe("boolean");
      }),
    );
  });
});

describe("a word behind --sticky", () => {
  it.each([
    ...["ip", "cookie", "socket.io,cookie", "header:x-room", "query:r", "true", "false"],
    ...["cooky,ip", "header:"],
  ])("%s is its value", (word) => expect(STICKY_VALUE.test(word)).toBe(true));
  it.each([
    ...["server.js", "ip.js", "cookie.mjs", "./ip", "api", "-", "", "truely", "dist/query:r"],
    ...["socket.io.js"],
  ])("%j is not", (word) => expect(STICKY_VALUE.test(word)).toBe(false));
  it("is its value wherever the reader takes it", () => {
    fc.assert(
      fc.property(fc.array(by, { minLength: 1 }), (all) => {
        const text = all.join(",");
        if (stickyKind.read(text).ok) expect(STICKY_VALUE.test(text), text).toBe(true);
      }),
    );
  });
});
