/** Which requests the admin server answers at all. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Asked, judge } from "../../src/admin/judge.ts";

const TOKEN = "0123456789abcdef";
const LOCAL = { host: "127.0.0.1", token: null };
const OPEN = { host: "0.0.0.0", token: TOKEN };

function asked(more: Partial<Asked> = {}): Asked {
  return {
    ...{ method: "GET", url: "/metrics", httpVersion: "1.1", host: "127.0.0.1:9464" },
    ...{ authorization: undefined, ...more },
  };
}
const statusOf = (request: Asked, guard: Parameters<typeof judge>[1]): unknown => {
  const verdict = judge(request, guard);
  return typeof verdict === "string" ? verdict : verdict.status;
};

describe("the name a client uses", () => {
  const own = [
    "localhost",
    "localhost:9464",
    "LOCALHOST",
    "127.0.0.1",
    "127.0.0.1:80",
    "[::1]:9464",
  ];
  it.each(own)("%j is this machine", (host) =>
    expect(statusOf(asked({ host }), LOCAL)).toBe("metrics"),
  );

  it.each([
    ["127.0.0.2:9464", "127.0.0.2", "metrics"],
    ["127.0.0.2:9464", "127.0.0.1", 421],
    ["rebound.example:9464", "127.0.0.1", 421],
    ["localhost.evil.example", "127.0.0.1", 421],
    ["127.0.0.1.evil.example", "127.0.0.1", 421],
    ["[::1].evil.example", "::1", 421],
    ["", "127.0.0.1", 421],
  ])("%j at %s: %s", (host, bound, expected) =>
    expect(statusOf(asked({ host }), { host: bound, token: null })).toBe(expected),
  );

  it("may be left out by HTTP/1.0 alone", () => {
    expect(statusOf(asked({ host: undefined, httpVersion: "1.0" }), LOCAL)).toBe("metrics");
    expect(statusOf(asked({ host: undefined }), LOCAL)).toBe(421);
  });

  it("is anybody's where the server is reached from outside, with the token", () => {
    const authorization = `Bearer ${TOKEN}`;
    expect(statusOf(asked({ host: "web-1.internal", authorization }), OPEN)).toBe("metrics");
  });
});

describe("what is asked", () => {
  it.each([
    ["GET", "/metrics", "metrics"],
    ["HEAD", "/metrics?a=b", "metrics"],
    ["GET", "/healthz", "healthz"],
    ["GET", "/readyz?verbose", "readyz"],
    ["POST", "/metrics", 405],
    ["DELETE", "/nothing", 405],
    ["GET", "/", 404],
    ["GET", "/metrics/", 404],
    ["GET", "//metrics", 404],
    ["GET", "/Metrics", 404],
    ["GET", "http://127.0.0.1/metrics", 404],
  ])("%s %s: %s", (method, url, expected) =>
    expect(statusOf(asked({ method, url }), LOCAL)).toBe(expected),
  );
});

describe("the token", () => {
  it.each([
    [undefined, 401],
    ["", 401],
    ["Bearer", 401],
    ["Bearer wrong", 401],
    [`Basic ${TOKEN}`, 401],
    [`Bearer ${TOKEN}x`, 401],
    [`Bearer ${TOKEN.slice(1)}`, 401],
    [`Bearer ${TOKEN} more`, 401],
    [`Bearer ${TOKEN}`, "metrics"],
    [`bearer  ${TOKEN}`, "metrics"],
  ])("%j: %s", (authorization, expected) =>
    expect(statusOf(asked({ authorization }), OPEN)).toBe(expected),
  );

  it("is asked for on loopback, too, where there is one", () =>
    expect(statusOf(asked(), { ...LOCAL, token: TOKEN })).toBe(401));

  it("is not asked for by probes", () => {
    expect(statusOf(asked({ url: "/healthz" }), OPEN)).toBe("healthz");
    expect(statusOf(asked({ url: "/readyz" }), OPEN)).toBe("readyz");
  });

  it("nobody gets metrics without it, whatever else is sent", () => {
    const any = fc.record({
      method: fc.constantFrom("GET", "HEAD", "POST", "get"),
      url: fc.oneof(fc.constantFrom("/metrics", "/metrics?", "/metrics#x"), fc.string()),
      httpVersion: fc.constantFrom("1.0", "1.1"),
      host: fc.option(fc.string(), { nil: undefined }),
      authorization: fc.option(fc.string(), { nil: undefined }),
    });
    fc.assert(fc.property(any, (request) => judge(request, OPEN) !== "metrics"));
  });
});
