import { BlockList, isIP, isIPv4, isIPv6 } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  affinityKeyOf,
  clientAddress,
  isForwardedTls,
  trustedNetworks,
} from "../../src/core/client-address.ts";
import { isWithin, parseAddress, parseNetwork } from "../../src/core/internet-address.ts";

const address = fc.oneof(fc.ipV4(), fc.ipV6());
/** What is nearly an address, and what is nothing like it. */
const nearly = fc.oneof(
  fc.string({ unit: fc.constantFrom(..."0123459abf:.%/[]"), maxLength: 24 }),
  fc.string({ unit: "binary", maxLength: 12 }),
  fc
    .tuple(address, fc.string({ unit: fc.constantFrom(..."0:.%f"), maxLength: 3 }))
    .map((of) => of.join("")),
);

describe("an address", () => {
  it.each([
    ["1.2.3.4", [0x01020304]],
    ["255.255.255.255", [0xffffffff]],
    ["::ffff:1.2.3.4", [0x01020304]],
    ["::FFFF:102:304", [0x01020304]],
    ["::", [0, 0, 0, 0]],
    ["2001:db8::1", [0x20010db8, 0, 0, 1]],
    ["fe80::1%eth0", [0xfe800000, 0, 0, 1]],
    ["1:2:3:4:5:6:1.2.3.4", [0x10002, 0x30004, 0x50006, 0x01020304]],
  ])("%s", (text, words) => {
    expect(parseAddress(text)).toEqual(words);
  });

  it("is one where Node says so, and only there", () => {
    fc.assert(
      fc.property(fc.oneof(address, nearly), (text) => {
        // A zone may be anything here, in Node only letters, digits and a few marks.
        fc.pre(!text.includes("%"));
        expect(parseAddress(text) !== null, text).toBe(isIP(text) !== 0);
      }),
      { numRuns: 5000 },
    );
    for (const text of ["", "1.2.3", "01.2.3.4", "256.1.1.1", "1.2.3.4%eth0", "fe80::1%", ":::"]) {
      expect(parseAddress(text), text).toBeNull();
    }
    expect(parseAddress("1".repeat(1 << 16))).toBeNull();
    expect(parseAddress(":".repeat(1 << 16))).toBeNull();
  });

  it("lies in a network where Node says so", () => {
    const family = (text: string) => (isIPv4(text) ? "ipv4" : "ipv6");
    const wide = fc.oneof(fc.nat(32), fc.nat(128));
    fc.assert(
      fc.property(address, address, wide, fc.boolean(), (base, other, given, isNear) => {
        const bits = isIPv4(base) ? Math.min(given, 32) : given;
        const network = parseNetwork(`${base}/${bits}`);
        const mapped = [base, other].some((text) => text.toLowerCase().startsWith("::ffff:"));
        const asked = isNear ? base : other;
        // Node counts IPv4 to ::/0, too; here a network trusts its own kind.
        fc.pre(network !== null && !mapped && isIPv4(base) === isIPv4(asked));
        const list = new BlockList();
        list.addSubnet(base, bits, family(base));
        const words = parseAddress(asked);
        if (words === null || network === null) throw new Error("no address");
        expect(isWithin(words, [network])).toBe(list.check(asked, family(asked)));
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ["10.0.0.0/8", "10.255.0.1", true],
    ["10.0.0.0/8", "11.0.0.1", false],
    ["10.0.0.0/8", "::ffff:10.1.2.3", true],
    ["::ffff:10.0.0.0/104", "10.1.2.3", true],
    ["::ffff:10.0.0.0/104", "11.1.2.3", false],
    ["0.0.0.0/0", "203.0.113.1", true],
    ["0.0.0.0/0", "2001:db8::1", false],
    ["128.0.0.0/1", "127.255.255.255", false],
    ["2001:db8::/33", "2001:db8:7fff::1", true],
    ["2001:db8::/33", "2001:db8:8000::1", false],
    ["fe80::/10", "fe80::1%eth0", true],
    ["::1", "::1", true],
    ["::1", "::2", false],
  ])("%s has %s: %s", (network, text, expected) => {
    expect(clientAddress(text, "192.0.2.9", trustedNetworks([network]))).toBe(
      expected ? "192.0.2.9" : text,
    );
  });

  it("of a network that is none is nobody's", () => {
    for (const text of [
      "",
      "/",
      "10.0.0.0/33",
      "10.0.0.0/",
      "10.0.0.0/-1",
      "::/129",
      "x/8",
      "10.0.0.0/8x",
      "::ffff:1.2.3.4/95",
    ]) {
      expect(parseNetwork(text), text).toBeNull();
    }
    expect(trustedNetworks(["nonsense"]).networks).toEqual([]);
  });
});

describe("the client's address", () => {
  const trusted = trustedNetworks(["10.0.0.0/8", "::1", "fd00::/8"]);
  it.each([
    ["nobody is asked", "203.0.113.1", undefined, "203.0.113.1"],
    ["a stranger's header", "203.0.113.1", "192.0.2.1", "203.0.113.1"],
    ["one proxy", "10.0.0.1", "192.0.2.1", "192.0.2.1"],
    ["one proxy over IPv6", "::1", "2001:db8::5", "2001:db8::5"],
    ["one proxy, its address mapped", "::ffff:10.0.0.1", "192.0.2.1", "192.0.2.1"],
    ["forged left of the client", "10.0.0.1", "10.9.9.9, 198.51.100.1,192.0.2.1", "192.0.2.1"],
    ["two proxies", "10.0.0.1", "198.51.100.1, 192.0.2.1, 10.0.0.2", "192.0.2.1"],
    ["only proxies", "10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"],
    ["no address in it", "10.0.0.1", "unknown", "10.0.0.1"],
    ["no address in the middle", "10.0.0.1", "192.0.2.1, _hidden, 10.0.0.2", "10.0.0.2"],
    ["an empty entry", "10.0.0.1", "192.0.2.1,, 10.0.0.2", "10.0.0.2"],
    ["an empty header", "10.0.0.1", "", "10.0.0.1"],
    ["only commas", "10.0.0.1", ",,,", "10.0.0.1"],
    ["ports", "10.0.0.1", "192.0.2.1:4711, 10.0.0.2:80", "192.0.2.1"],
    ["brackets", "10.0.0.1", "[2001:db8::5]:443, [fd00::1]", "2001:db8::5"],
    ["what is no port", "10.0.0.1", "192.0.2.1:x", "10.0.0.1"],
    ["an open bracket", "10.0.0.1", "[2001:db8::5", "10.0.0.1"],
    ["behind the bracket", "10.0.0.1", "[2001:db8::5]x", "10.0.0.1"],
    ["a UNIX socket", undefined, "192.0.2.1", undefined],
    ["what is no address itself", "nonsense", "192.0.2.1", "nonsense"],
  ])("%s", (_, peer, header, expected) => {
    expect(clientAddress(peer, header, trusted)).toBe(expected);
  });

  it("is what a UNIX socket's proxy says, where this machine is trusted", () => {
    const local = trustedNetworks(["127.0.0.0/8"]);
    expect(clientAddress(undefined, "203.0.113.9, 127.0.0.1", local)).toBe("203.0.113.9");
    expect(clientAddress(undefined, undefined, local)).toBeUndefined();
    expect(isForwardedTls(undefined, "https", local)).toBe(true);
  });

  it("is never one that stands left of somebody who is not trusted", () => {
    const stranger = fc.oneof(
      fc.ipV4().filter((text) => !text.startsWith("10.")),
      fc.ipV6().filter((text) => /^2/.test(text)),
    );
    const proxies = fc.array(fc.constantFrom("10.0.0.2", "fd00::1", "::1", "10.1.1.1:80"));
    fc.assert(
      fc.property(fc.array(nearly), stranger, proxies, (forged, client, hops) => {
        const header = [...forged, client, ...hops].join(", ");
        expect(clientAddress("10.0.0.1", header, trusted)).toBe(client);
      }),
    );
  });

  it("is an address or the socket's, whatever the header is", () => {
    fc.assert(
      fc.property(
        fc.array(nearly).map((entries) => entries.join(",")),
        (header) => {
          const found = clientAddress("10.0.0.1", header, trusted);
          expect(parseAddress(found ?? "")).not.toBeNull();
        },
      ),
      { numRuns: 2000 },
    );
    const long = "10.0.0.1,".repeat(8000);
    expect(clientAddress("10.0.0.1", `192.0.2.1,${long}10.0.0.1`, trusted)).toBe("192.0.2.1");
    expect(clientAddress("10.0.0.1", "[".repeat(1 << 16), trusted)).toBe("10.0.0.1");
  });
});

describe("TLS at a proxy", () => {
  const trusted = trustedNetworks(["10.0.0.0/8"]);
  it.each([
    ["10.0.0.1", "https", true],
    ["10.0.0.1", " HTTPS , http", true],
    ["10.0.0.1", "http, https", false],
    ["10.0.0.1", "httpsx", false],
    ["10.0.0.1", "", false],
    ["10.0.0.1", undefined, false],
    ["10.0.0.1", "s".repeat(100), false],
    ["203.0.113.1", "https", false],
    [undefined, "https", false],
  ])("%s says %s: %s", (peer, proto, expected) => {
    expect(isForwardedTls(peer, proto, trusted)).toBe(expected);
  });
});

describe("what an address is hashed by", () => {
  it("is the IPv4 address, however it came", () => {
    fc.assert(
      fc.property(fc.ipV4(), (text) => {
        expect(affinityKeyOf(text)).toBe(text);
        expect(affinityKeyOf(`::ffff:${text}`)).toBe(text);
        expect(affinityKeyOf(`::FFFF:${text}`)).toBe(text);
      }),
    );
    expect(affinityKeyOf("::ffff:c000:201")).toBe("192.0.2.1");
  });

  it("is the first half of an IPv6 address, however it is written", () => {
    const key = affinityKeyOf("2001:db8:1:2::1");
    for (const same of [
      "2001:0DB8:1:2:ffff:ffff:ffff:ffff",
      "2001:db8:1:2::",
      "2001:db8:1:2::9%eth0",
    ]) {
      expect(affinityKeyOf(same)).toBe(key);
    }
    expect(affinityKeyOf("2001:db8:1:3::1")).not.toBe(key);
    expect(isIPv6("2001:db8:1:2::")).toBe(true);
  });

  it("is any other text itself", () => {
    for (const text of ["", "nonsense", "a:b", "__proto__"]) expect(affinityKeyOf(text)).toBe(text);
  });
});
