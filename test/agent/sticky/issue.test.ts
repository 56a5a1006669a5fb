/** The cookie is in the response, however the app writes its head, and nothing else of it changes. */

import http, { type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { buffered } from "../../../src/agent/sticky/hand-over.ts";
import {
  cookieFor,
  issue,
  issueOnUpgrade,
  lineFor,
  watchHeads,
} from "../../../src/agent/sticky/issue.ts";
import { COOKIE_DEFAULTS } from "../../../src/config/sticky-cookie.ts";

const COOKIE = "holdfast=abcd; Path=/";
watchHeads();

/** The raw headers of a response the app writes in some way. */
async function answered(write: (response: ServerResponse) => void): Promise<http.IncomingMessage> {
  const server = http.createServer((_request, response) => {
    issue(response, COOKIE);
    issue(response, COOKIE);
    write(response);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  try {
    return await new Promise((resolve, reject) => {
      http
        .get({ port, host: "127.0.0.1", agent: false }, (response) => {
          response.resume().on("end", () => resolve(response));
        })
        .on("error", reject);
    });
  } finally {
    server.close();
  }
}

const then = (response: ServerResponse, first: () => void): void => {
  first();
  response.end();
};

describe("a response", () => {
  it.each<[string, (response: ServerResponse) => void, string[]]>([
    ["end alone", (response) => response.end("x"), [COOKIE]],
    ["setHeader", (response) => response.setHeader("Set-Cookie", "a=1").end(), ["a=1", COOKIE]],
    ["a write", (response) => then(response, () => response.write("x")), [COOKIE]],
    ["writeHead", (response) => response.writeHead(200).end(), [COOKIE]],
    ["with a reason", (response) => response.writeHead(200, "Fine", { a: "b" }).end(), [COOKIE]],
    ["an object", (response) => response.writeHead(200, { "X-A": "b" }).end(), [COOKIE]],
    [
      "an object with a cookie",
      (response) => response.writeHead(200, { "set-cookie": "a=1" }).end(),
      ["a=1", COOKIE],
    ],
    [
      "an object with cookies",
      (response) => response.writeHead(200, { "Set-Cookie": ["a=1", "b=2"] }).end(),
      ["a=1", "b=2", COOKIE],
    ],
    [
      "a flat list",
      (response) => response.writeHead(200, ["Set-Cookie", "a=1", "X-A", "b"]).end(),
      ["a=1", COOKIE],
    ],
    [
      "both",
      (response) => response.setHeader("Set-Cookie", "a=1").writeHead(200, { b: "c" }).end(),
      ["a=1", COOKIE],
    ],
    ["flushHeaders", (response) => then(response, () => response.flushHeaders()), [COOKIE]],
    ["early hints", (response) => then(response, () => response.writeProcessing()), [COOKIE]],
  ])("by %s", async (_what, write, cookies) => {
    const { headers } = await answered(write);
    expect(headers["set-cookie"]?.sort()).toEqual([...cookies].sort());
  });

  it.each<[string, (response: ServerResponse) => void]>([
    ["set", (response) => response.setHeader("Cache-Control", "public, max-age=9").end()],
    ["given", (response) => response.writeHead(200, { "cache-control": "s-maxage=9" }).end()],
    ["given as a list", (response) => response.writeHead(200, ["Cache-Control", "public"]).end()],
  ])("that others may get, too, has none: %s", async (_what, write) => {
    expect((await answered(write)).headers["set-cookie"]).toBeUndefined();
  });

  it("keeps its reason and headers", async () => {
    const { statusMessage, headers } = await answered((response) =>
      response.writeHead(201, "Made", { "X-A": "b" }).end(),
    );
    expect([statusMessage, headers["x-a"]]).toEqual(["Made", "b"]);
  });
});

const written = (socket: PassThrough): string => Buffer.concat(buffered(socket)).toString();

describe("the answer to an upgrade", () => {
  it.each([
    ["text", (text: string): string | Buffer => text],
    ["bytes", (text: string): string | Buffer => Buffer.from(text)],
  ])("as %s: behind its first line, once", (_what, made) => {
    const socket = new PassThrough();
    issueOnUpgrade(socket, COOKIE);
    socket.write(made("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"));
    socket.write("HTTP/1.1 101 frames\r\n");
    expect(written(socket)).toBe(
      `HTTP/1.1 101 Switching Protocols\r\nSet-Cookie: ${COOKIE}\r\nUpgrade: websocket\r\n\r\nHTTP/1.1 101 frames\r\n`,
    );
  });

  it("that refuses is left alone", () => {
    const socket = new PassThrough();
    issueOnUpgrade(socket, COOKIE);
    socket.write("HTTP/1.1 400 Bad Request\r\n\r\n");
    expect(written(socket)).toBe("HTTP/1.1 400 Bad Request\r\n\r\n");
  });
});

describe("its attributes", () => {
  it.each([
    [{}, false, "holdfast=abcd; Path=/; HttpOnly; SameSite=Lax"],
    [{}, true, "holdfast=abcd; Path=/; HttpOnly; SameSite=Lax; Secure"],
    [{ sameSite: "None" }, false, "holdfast=abcd; Path=/; HttpOnly; SameSite=None; Secure"],
    [
      { name: "x", path: "/a", domain: "b.example", maxAgeSeconds: 60, secure: false },
      true,
      "x=abcd; Path=/a; HttpOnly; SameSite=Lax; Domain=b.example; Max-Age=60",
    ],
  ] as const)("%j, over TLS: %s", (cookie, isSecure, value) => {
    expect(cookieFor("abcd", { ...COOKIE_DEFAULTS, name: "holdfast", ...cookie }, isSecure)).toBe(
      value,
    );
  });

  it("are not given to a foreign head that others may get", () => {
    expect(lineFor("HTTP/1.1 200 OK\r\nCache-Control: public\r\n\r\n", COOKIE)).toBeNull();
    expect(lineFor("HTTP/1.1 200 OK\r\n\r\n", COOKIE)).toBe(`Set-Cookie: ${COOKIE}`);
  });
});
