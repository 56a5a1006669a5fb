/** What is written about the admin server, about readiness and about metrics is read as it is meant. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { adminInput, isLoopback, readAdmin } from "../../src/config/admin.ts";
import { minReadyKind } from "../../src/config/observe.ts";
import { parseApp, parseConfig, parseSetup } from "../../src/config/parse.ts";

const TOKEN = "0123456789abcdef";
const faultsOf = (input: unknown): string[] => {
  const parsed = parseSetup(input);
  return parsed.ok ? [] : parsed.faults.map(({ path, message }) => `${path}: ${message}`);
};

describe("heir", () => {
  const apps = [{ script: "a.js" }];
  it("is said, or not, or wrongly", () => {
    expect(parseSetup({ apps })).toMatchObject({ value: { heir: undefined } });
    expect(parseSetup({ apps, heir: false })).toMatchObject({ value: { heir: false } });
    expect(faultsOf({ apps, heir: "no" })).toEqual(['heir: received "no", expected true or false']);
    expect(parseConfig({ apps, heir: true })).toMatchObject({ ok: true, notes: [] });
  });
});

describe("admin", () => {
  it.each([
    [9464, { host: "127.0.0.1", port: 9464 }],
    ["9464", { host: "127.0.0.1", port: 9464 }],
    ["0.0.0.0:80", { host: "0.0.0.0", port: 80 }],
    ["[::1]:9464", { host: "::1", port: 9464 }],
    ["metrics.internal:0", { host: "metrics.internal", port: 0 }],
  ])("listens on %j", (listen, expected) => {
    expect(readAdmin({ listen })).toEqual({
      ok: true,
      value: { listen: expected, token: null, tokenFile: null },
    });
  });

  it("listens on 127.0.0.1:9464 where nothing is said", () =>
    expect(readAdmin({})).toMatchObject({
      value: { listen: { host: "127.0.0.1", port: 9464 } },
    }));

  it.each([false, null])("is off with %j", (value) =>
    expect(readAdmin(value)).toEqual({ ok: true, value: null }),
  );

  it("is told apart from what was not said", () => {
    const apps = [{ script: "a.js" }];
    expect(parseSetup({ apps })).toMatchObject({ value: { admin: undefined } });
    expect(parseSetup({ apps, admin: false })).toMatchObject({ value: { admin: null } });
    expect(parseSetup({ apps, admin: { listen: 1 } })).toMatchObject({
      value: { admin: { listen: { port: 1 } }, apps: [{ script: "a.js" }] },
    });
    expect(parseConfig({ apps, admin: { listen: 1 } })).toMatchObject({ ok: true });
  });

  it.each([
    [{ listen: 65_536 }, "admin.listen: received 65536, expected a port"],
    [{ listen: ":9464" }, 'admin.listen: received ":9464", expected a port'],
    [{ listen: "::1:9464" }, 'admin.listen: received "::1:9464", expected a port'],
    [{ listen: 1.5 }, "admin.listen: received 1.5, expected a port"],
    [{ port: 9464 }, 'admin.port: is unknown, expected "listen", "token" or "tokenFile"'],
    [{ token: TOKEN, tokenFile: "f" }, "admin.tokenFile: is given beside token"],
    [9464, "admin: received 9464, expected an object"],
  ])("refuses %j", (admin, fault) =>
    expect(faultsOf({ apps: [{ script: "a.js" }], admin }).join()).toContain(fault),
  );

  it("tells its faults with those of the apps", () =>
    expect(faultsOf({ apps: [{}], admin: 1 })).toHaveLength(2));

  it("never shows what was given for a token", () => {
    const [fault] = faultsOf({ apps: [{ script: "a.js" }], admin: { token: "too short" } });
    expect(fault).toContain("admin.token: is not a token, expected 16 to 1024");
    expect(fault).not.toContain("too short");
  });

  it("finds the token's file from where the configuration stands", () =>
    expect(readAdmin({ tokenFile: "t" }, { directory: "/etc/app" })).toMatchObject({
      value: { tokenFile: "/etc/app/t" },
    }));

  it("comes back from how it is written down", () => {
    const host = fc.constantFrom("127.0.0.1", "::1", "0.0.0.0", "a-host.b");
    const listen = fc.record({ host, port: fc.nat(65_535) });
    const secret = fc.constantFrom(
      { token: TOKEN, tokenFile: null },
      { token: null, tokenFile: "/t" },
    );
    fc.assert(
      fc.property(listen, secret, (where, known) => {
        const options = { listen: where, ...known };
        expect(readAdmin(adminInput(options))).toEqual({ ok: true, value: options });
      }),
    );
    expect(readAdmin(adminInput(null))).toEqual({ ok: true, value: null });
  });

  it("reads anything without throwing", () => {
    fc.assert(fc.property(fc.anything(), (value) => void readAdmin(value)));
  });

  it.each([
    ...[
      ["127.0.0.1", true],
      ["127.9.9.9", true],
      ["::1", true],
      ["localhost", true],
    ],
    ...[
      ["0.0.0.0", false],
      ["::", false],
      ["127.0.0.1.evil.example", false],
      ["10.0.0.1", false],
    ],
  ] as const)("%s is loopback: %s", (host, expected) => expect(isLoopback(host)).toBe(expected));
});

describe("minReady and metrics", () => {
  it.each([
    [0, 0],
    ["2", 2],
    ["50%", "50%"],
    ["100%", "100%"],
    ["33.3%", "33.3%"],
  ])("minReady %j is %j", (value, expected) =>
    expect(minReadyKind.read(value)).toEqual({ ok: true, value: expected }),
  );
  it.each([-1, 1025, "101%", "half", "%", true, null, 1.5])("minReady is never %j", (value) =>
    expect(minReadyKind.read(value).ok).toBe(false),
  );
  it("metrics are off with false", () =>
    expect(parseApp({ script: "a.js", metrics: false })).toMatchObject({
      value: { metrics: null },
    }));
  it.each([{ merge: "yes" }, { maxSeries: -1 }, { series: 1 }, true])(
    "metrics are never %j",
    (metrics) => expect(parseApp({ script: "a.js", metrics }).ok).toBe(false),
  );
});
