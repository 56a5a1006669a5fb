/** What is written about the bus for other machines is read as it is meant. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { busInput, readBus } from "../../src/config/bus.ts";
import { keyEncoding, keyFault } from "../../src/config/bus-permissions.ts";
import { parseConfig, parseSetup } from "../../src/config/parse.ts";
import { ACTIONS } from "../../src/core/bus/permissions.ts";
import { patternFault } from "../../src/core/bus/subjects.ts";

const KEY = "00112233445566778899aabbccddeeff";
const NONE = { publish: [], subscribe: [], request: [], reply: [], queues: [], locks: [] };
const apps = [{ script: "a.js" }];
const faultsOf = (bus: unknown): string => {
  const parsed = parseSetup({ apps, bus });
  return parsed.ok
    ? ""
    : parsed.faults.map(({ path, message }) => `${path}: ${message}`).join("\n");
};
const psk = (identity: unknown) => ({ listen: 7420, psk: { edge: identity } });

describe("bus", () => {
  it("is on loopback unless it is said, and allows nothing that is not given", () =>
    expect(readBus(psk({ key: KEY, publish: ["a.*"] }))).toEqual({
      ok: true,
      value: {
        listen: { host: "127.0.0.1", port: 7420 },
        psk: { edge: { ...NONE, key: KEY, keyFile: null, keyEnv: null, publish: ["a.*"] } },
        tls: null,
        rate: { perSecond: 10_000, burst: 10_000 },
      },
    }));

  it.each([false, null])("is off with %j", (value) =>
    expect(readBus(value)).toEqual({ ok: true, value: null }),
  );

  it("is told apart from what was not said", () => {
    expect(parseSetup({ apps })).toMatchObject({ value: { bus: undefined } });
    expect(parseSetup({ apps, bus: false })).toMatchObject({ value: { bus: null } });
    expect(parseConfig({ apps, bus: psk({ key: KEY }) })).toMatchObject({ ok: true });
  });

  it.each([
    [{}, "bus.listen: is missing"],
    [{ listen: 1 }, 'bus: needs "psk" or "tls", and not both'],
    [{ listen: 1, psk: {}, tls: {} }, 'bus: needs "psk" or "tls", and not both'],
    [{ listen: 1, psk: 7 }, "bus.psk: received 7, expected an object of identities"],
    [psk(7), "bus.psk.edge: is no object of permissions"],
    [psk({}), 'bus.psk.edge: needs exactly one of "key", "keyFile" and "keyEnv"'],
    [psk({ key: KEY, keyEnv: "A" }), "bus.psk.edge: needs exactly one of"],
    [psk({ key: KEY, keyEnv: "a b" }), "bus.psk.edge.keyEnv: is not the name of"],
    [psk({ key: KEY, publish: "a" }), 'bus.psk.edge.publish: received "a", expected a list'],
    [
      psk({ key: KEY, locks: ["a", "b..c"] }),
      'bus.psk.edge.locks[1]: received "b..c", expected a pattern',
    ],
    [psk({ key: KEY, admin: true }), "bus.psk.edge.admin: is unknown"],
    [{ listen: 1, psk: { "": { key: KEY } } }, 'received "", expected a name of 1 to 128'],
    [{ listen: 1, psk: {}, rate: { perSecond: 1 } }, "bus.rate.perSecond: received 1, expected"],
    [{ listen: 1, tls: { cert: "a", key: "b" } }, 'bus.tls: needs "cert", "key" and "ca"'],
    [
      { listen: 1, tls: { cert: "a", key: "b", ca: "c", clients: { x: { key: KEY } } } },
      "bus.tls.clients.x.key: is unknown",
    ],
    [1, "bus: received 1, expected an object"],
  ])("refuses %j", (bus, fault) => expect(faultsOf(bus)).toContain(fault));

  it("never shows what was given for a key", () => {
    const said = faultsOf(psk({ key: "s3cret" }));
    expect(said).toContain("bus.psk.edge.key: is not a key, expected 16 to 64 bytes");
    expect(said).not.toContain("s3cret");
    expect(faultsOf(psk({ keyEnv: "s3cret s3cret" }))).not.toContain("s3cret");
  });

  it("finds files from where the configuration stands", () => {
    const tls = { cert: "c.pem", key: "~/k.pem", ca: "/ca.pem" };
    expect(readBus({ listen: 1, tls }, { directory: "/etc/app", home: "/home/me" })).toMatchObject({
      value: { tls: { cert: "/etc/app/c.pem", key: "/home/me/k.pem", ca: "/ca.pem", clients: {} } },
    });
    expect(readBus(psk({ keyFile: "k" }), { directory: "/etc/app" })).toMatchObject({
      value: { psk: { edge: { keyFile: "/etc/app/k" } } },
    });
  });

  it("comes back from how it is written down", () => {
    const patterns = fc.array(fc.constantFrom(">", "a.*", "a.b.>", "$x:y-z"), { maxLength: 3 });
    const permissions = fc.record(Object.fromEntries(ACTIONS.map((action) => [action, patterns])));
    const who = fc.constantFrom("edge", "a b", "toString", "__proto__");
    const secret = fc.constantFrom({ key: KEY }, { keyFile: "/k" }, { keyEnv: "K" });
    const keyed = fc.tuple(permissions, secret).map(([allowed, how]) => ({ ...allowed, ...how }));
    const common = { listen: "[::1]:7420", rate: { perSecond: 500, burst: 7 } };
    const files = { cert: "/c", key: "/k", ca: "/a" };
    const given = fc.oneof(
      fc.array(fc.tuple(who, keyed)).map((all) => ({ ...common, psk: Object.fromEntries(all) })),
      fc
        .array(fc.tuple(who, permissions))
        .map((all) => ({ ...common, tls: { ...files, clients: Object.fromEntries(all) } })),
    );
    fc.assert(
      fc.property(given, (input) => {
        const read = readBus(input);
        if (!read.ok) throw new Error(JSON.stringify(read.faults));
        expect(readBus(JSON.parse(JSON.stringify(busInput(read.value))))).toEqual(read);
      }),
    );
    expect(readBus(busInput(null))).toEqual({ ok: true, value: null });
  });

  it("reads anything without throwing", () => {
    fc.assert(fc.property(fc.anything(), (value) => void readBus(value)));
    fc.assert(fc.property(fc.anything(), (value) => void readBus(psk(value))));
  });

  it("takes the patterns that the bus takes", () => {
    const token = fc.constantFrom("a", "*", ">", "", "b-c", "a b", "é", "$1");
    const text = fc.array(token, { maxLength: 4 }).map((tokens) => tokens.join("."));
    fc.assert(
      fc.property(
        fc.oneof(text, fc.constant("x".repeat(255)), fc.constant("x".repeat(256))),
        (each) => {
          const read = readBus(psk({ key: KEY, publish: [each] }));
          expect(read.ok).toBe(patternFault(each) === null);
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe("a key", () => {
  it("is 16 to 64 bytes in hex or base64, and hex where it can be", () => {
    const bytes = fc.uint8Array({ minLength: 0, maxLength: 80 });
    fc.assert(
      fc.property(bytes, fc.constantFrom("hex", "base64", "base64url"), (all, encoding) => {
        const buffer = Buffer.from(all);
        const text = buffer.toString(encoding as BufferEncoding);
        const isLong = buffer.length >= 16 && buffer.length <= 64;
        // 32 characters of base64 may be nothing but hex digits: then they are.
        const isHex = /^[0-9a-f]+$/i.test(text);
        if (encoding === "hex" || !isHex) expect(keyFault(text) === null).toBe(isLong);
        if (!isLong || (encoding !== "hex" && isHex)) return;
        expect(Buffer.from(text, keyEncoding(text))).toEqual(buffer);
      }),
    );
  });
});
