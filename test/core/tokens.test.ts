import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  asksForSid,
  cookieTag,
  headerValue,
  isTag,
  queryValue,
  sidTag,
} from "../../src/core/tokens.ts";

const BASE64URL = [..."ABCXYZabcxyz0189-_"];
const tag = fc.string({ unit: fc.constantFrom(...BASE64URL), minLength: 4, maxLength: 4 });
const sid = fc.string({ unit: fc.constantFrom(...BASE64URL), minLength: 8, maxLength: 128 });
/** Anything, lone surrogates and control characters too, with the pieces the readers look for between. */
const hostile = fc
  .array(
    fc.oneof(
      fc.string({
        unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
      }),
      fc.constantFrom("holdfast", "=", ";", " ", '"', "sid=", "EIO=4", "&", "?", "#", "%", "abcd"),
    ),
    { maxLength: 24 },
  )
  .map((pieces) => pieces.join(""));

describe("a tag in a cookie", () => {
  it.each([
    ["holdfast=abcd", "abcd"],
    ["a=b; holdfast=a-_9; c=d", "a-_9"],
    ["a=b;holdfast=abcd;c=d", "abcd"],
    ["a=b; \tholdfast=abcd \t; c=d", "abcd"],
    ['holdfast="abcd"', "abcd"],
    ["holdfast=dead.beef; holdfast=abcd; holdfast=efgh", "abcd"],
    ["xholdfast=abcd", null],
    ["x holdfast=abcd", null],
    ["x=holdfast=abcd", null],
    ["x, holdfast=abcd", null],
    ["holdfastx=abcd", null],
    ["holdfast =abcd", null],
    ["Holdfast=abcd", null],
    ["holdfast", null],
    ["holdfast=", null],
    ["holdfast=abc", null],
    ["holdfast=abcde", null],
    ["holdfast=ab%64", null],
    ["holdfast=ab d", null],
    ['holdfast="abcd', null],
    ['holdfast=abcd"', null],
    ["holdfast=abcd x", null],
    ["holdfast=äbcd", null],
    ["holdfast=abc\u0000", null],
    ["", null],
    [undefined, null],
  ])("%j: %j", (header, expected) => {
    expect(cookieTag(header, "holdfast")).toBe(expected);
  });

  it("is found among any others", () => {
    const other = fc.tuple(
      fc.constantFrom("a", "__proto__", "holdfas", "xholdfast"),
      fc.webFragments(),
    );
    fc.assert(
      fc.property(fc.array(other), fc.array(other), tag, (before, after, value) => {
        const pairs = [...before, ["holdfast", value] as const, ...after];
        const header = pairs
          .map(([name, text]) => `${name}=${text.replaceAll(";", "")}`)
          .join("; ");
        expect(cookieTag(header, "holdfast")).toBe(value);
      }),
    );
  });

  it("has any name, that of an object's property too", () => {
    for (const name of ["__proto__", "constructor", "$x", "a.b*c"]) {
      expect(cookieTag(`x=y; ${name}=abcd`, name)).toBe("abcd");
      expect(cookieTag("x=y", name)).toBeNull();
    }
    expect(cookieTag("=abcd", "")).toBeNull();
  });
});

describe("a request for a session of engine.io's", () => {
  it.each([
    ["/socket.io/?EIO=4&transport=polling", true],
    ["/socket.io/?ssid=home&EIO=4&classid=7", true],
    ["/socket.io/?EIO=4&sid=&t=x", true],
    ["/socket.io/?EIO=4&sid=", true],
    ["/socket.io/?EIO=4&ssid=home&sid=abcdefgh", false],
    ["/socket.io/?sid=abcdefgh&EIO=4", false],
    ["/socket.io/?xEIO=4", false],
    ["/socket.io/#?EIO=4", false],
    ["/EIO=4", false],
    ["", false],
  ])("%s: %s", (url, expected) => expect(asksForSid(url)).toBe(expected));
});

describe("a tag in an engine.io session id", () => {
  const id = "abcdEFGH0123-_45wxyz";
  it.each([
    [`/socket.io/?EIO=4&transport=polling&sid=${id}`, "abcd"],
    [`/socket.io/?sid=${id}&EIO=3`, "abcd"],
    [`http://host/socket.io/?EIO=4&sid=${id}#x`, "abcd"],
    [`/socket.io/?EIO=4&sid=${id.slice(0, 8)}`, "abcd"],
    [`/socket.io/?EIO=4&sid=${"a".repeat(512)}`, "aaaa"],
    [`/socket.io/?EIO=4&sid=${"a".repeat(513)}`, null],
    [`/socket.io/?EIO=4&sid=${id.slice(0, 5)}`, "abcd"],
    [`/socket.io/?EIO=4&sid=${id.slice(0, 4)}`, null],
    [`/socket.io/?EIO=4&sid=ab%64${id}`, null],
    ["/socket.io/?EIO=4&sid=", null],
    ["/socket.io/?EIO=4&transport=polling", null],
    [`/socket.io/?sid=${id}`, null],
    [`/socket.io/?xEIO=4&sid=${id}`, null],
    [`/socket.io/?EIO=4&xsid=${id}`, null],
    [`/socket.io/?EIO=4;sid=${id}`, null],
    // An app may make the rest of it.
    [`/socket.io/?EIO=4&sid=${id}%20`, "abcd"],
    ["/socket.io/?EIO=4&sid=abcduser:123.1&t=x", "abcd"],
    [`/socket.io/?EIO=4#&sid=${id}`, null],
    [`/socket.io/?sid=${id}#&EIO=4`, null],
    [`/socket.io/#?EIO=4&sid=${id}`, null],
    [`/EIO=4&sid=${id}`, null],
    [`sid=${id}&EIO=4`, null],
    ["?", null],
    ["", null],
  ])("%s: %j", (url, expected) => {
    expect(sidTag(url)).toBe(expected);
  });

  it("is the same wherever the parameter stands", () => {
    fc.assert(
      fc.property(
        sid,
        fc.shuffledSubarray(["t=Pxy", "transport=polling", "b64=1"]),
        (value, more) => {
          for (const query of [
            [`sid=${value}`, "EIO=4", ...more],
            ["EIO=4", ...more, `sid=${value}`],
            [...more, `sid=${value}`, "EIO=4"],
          ]) {
            expect(sidTag(`/socket.io/?${query.join("&")}`)).toBe(value.slice(0, 4));
          }
        },
      ),
    );
  });
});

describe("a value that is hashed", () => {
  it.each([
    ["/?room=blue", "blue"],
    ["/?a=b&room=blue&c=d", "blue"],
    ["/?room=one%20two", "one two"],
    ["/?room=one+two", "one two"],
    ["/?room=%e4%b8", "%e4%b8"],
    ["/?room=100%", "100%"],
    ["/?room=a=b", "a=b"],
    ["/?room=a#&b", "a"],
    ["/?room=one&room=two", "one"],
    ["/?room=", null],
    ["/?room=&room=two", null],
    ["/?room", null],
    ["/?bathroom=x", null],
    ["/?x#&room=blue", null],
    ["/room=blue", null],
  ])("%s: %j", (url, expected) => {
    expect(queryValue(url, "room")).toBe(expected);
  });

  it("is what URLSearchParams says, where that is defined", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 1, maxLength: 40 }), (value) => {
        const url = `/?x=1&room=${encodeURIComponent(value)}&y`;
        expect(queryValue(url, "room")).toBe(value);
        expect(new URL(url, "http://host").searchParams.get("room")).toBe(value);
      }),
    );
  });

  it("is cut at 512 characters, and always in the same way", () => {
    const long = "%C3%A4".repeat(4000);
    const found = queryValue(`/?room=${long}`, "room");
    expect(found?.length).toBeLessThanOrEqual(512);
    expect(queryValue(`/?room=${long}&x`, "room")).toBe(found);
    expect(headerValue("x".repeat(1 << 16))).toBe("x".repeat(512));
    expect(headerValue("blue")).toBe("blue");
    for (const none of ["", undefined, null, ["a"], {}, Object.prototype, () => "a"]) {
      expect(headerValue(none)).toBeNull();
    }
  });
});

describe("hostile text", () => {
  it("gives a tag or nothing", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        for (const found of [
          cookieTag(text, "holdfast"),
          sidTag(text),
          sidTag(`/?EIO=4&${text}`),
        ]) {
          if (found !== null) expect(found).toMatch(/^[\w-]{4}$/);
        }
        expect(isTag(text)).toBe(/^[A-Za-z0-9_-]{4}$(?!\n)/.test(text));
        expect((queryValue(text, "sid") ?? "").length).toBeLessThanOrEqual(512);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ["the name again and again", "holdfast"],
    ["cookies that are nearly it", "holdfast=abcde; "],
    ["blanks", "holdfast=abcd        x"],
    ["quotes", 'holdfast="abcd; '],
    ["parameters that are nearly it", "&sid=abc&EIO"],
    ["question marks", "?sid=?"],
  ])("of 64 kB is read in less time than a request takes: %s", (_, piece) => {
    const text = piece.repeat(Math.ceil(65_536 / piece.length));
    const read = (): void => {
      expect(cookieTag(text, "holdfast")).toBeNull();
      expect(sidTag(`/?${text}`)).toBeNull();
      expect(queryValue(`/?${text}`, "room")).toBeNull();
    };
    const times = Array.from({ length: 20 }, () => {
      const start = performance.now();
      read();
      return performance.now() - start;
    });
    // The best of twenty: what quadratic work would take (seconds), a busy machine does not.
    expect(Math.min(...times)).toBeLessThan(20);
  });
});
