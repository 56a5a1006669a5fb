/** What forges, floods or stays silent: it gets nobody else's session, and costs no worker its life. */

import { readFileSync, statSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { dirname } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fdCount, isAlive, pssKb } from "../support/processes.ts";
import { ask, askJson, Jar, STICKY_COOKIE } from "../support/sticky/client.ts";
import { Stand } from "../support/sticky/stand.ts";
import { Wire } from "../support/sticky/wire.ts";
import { until } from "../support/until.ts";
import { head } from "./conversations.ts";

const MAY_GROW_KB = 40 * 1024;

let stand: Stand;
let peers: ReadonlyMap<string, string>;
beforeAll(async () => {
  stand = await Stand.open({ app: "apps/witness.mjs", instances: 3 });
  peers = peerSockets([...stand.tags.values()]);
});
afterAll(() => stand[Symbol.asyncDispose]());

/** The socket at which each worker serves its peers, by tag. */
function peerSockets(tags: readonly string[]): ReadonlyMap<string, string> {
  const paths = readFileSync("/proc/net/unix", "utf8")
    .split("\n")
    .map((line) => line.split(" ").at(-1) ?? "");
  return new Map(
    tags.map((tag) => [tag, paths.find((path) => path.endsWith(`/${tag}`)) ?? `none of ${tag}`]),
  );
}

/** All workers live, and each session still has its own. */
async function expectWell({ tags, held }: Stand = stand): Promise<void> {
  for (const [pid, tag] of tags) {
    expect(isAlive(pid), `worker ${pid}`).toBe(true);
    const jar = new Jar().set(STICKY_COOKIE, tag);
    for (let nth = 0; nth < 6; nth += 1) {
      expect(await askJson(held, "/who", { jar })).toEqual({ pid });
    }
  }
}

describe("forged cookies", () => {
  const forged: { readonly [name: string]: (tag: string) => string } = {
    "of nobody": () => "holdfast-app=AAAA",
    empty: () => "holdfast-app=",
    "too short": (tag) => `holdfast-app=${tag.slice(0, 3)}`,
    "too long": (tag) => `holdfast-app=${tag}x`,
    "in quotes that do not end": (tag) => `holdfast-app="${tag}`,
    escaped: (tag) => `holdfast-app=%${tag}`,
    "like a property": () => "holdfast-app=__proto__",
    "of another name": (tag) => `xholdfast-app=${tag}; holdfast-appx=${tag}; HOLDFAST-APP=${tag}`,
    "within another's value": (tag) => `a="b, holdfast-app=${tag}"`,
    "of 15 kB": () => `holdfast-app=${"A".repeat(15_000)}`,
    "with another behind a comma": (tag) => `holdfast-app=${tag},holdfast-app=${tag}`,
  };
  it.each(Object.entries(forged))("%s: served, and given a good one", async (_name, cookie) => {
    for (const [, tag] of stand.tags) {
      const answer = await ask(stand.held, "/who", { headers: { cookie: cookie(tag) } });
      expect(answer.status).toBe(200);
      const jar = new Jar();
      jar.take(answer.headers["set-cookie"]);
      expect([...stand.tags.values()]).toContain(jar.get(STICKY_COOKIE));
      expect(stand.tags.get(JSON.parse(answer.body).pid)).toBe(jar.get(STICKY_COOKIE));
    }
    await expectWell();
  });

  it("a thousand cookies: the one that counts is found", async () => {
    const [pid, tag] = [...stand.tags][1] as [number, string];
    const many = Array.from({ length: 1000 }, (_, nth) => `c${nth}=holdfast`).join("; ");
    for (const cookie of [`${many}; holdfast-app=${tag}`, `holdfast-app=${tag}; ${many}`]) {
      for (let nth = 0; nth < 5; nth += 1) {
        expect(await askJson(stand.held, "/who", { headers: { cookie } })).toEqual({ pid });
      }
    }
  });

  it("two Cookie lines, two tags: the first counts, on every worker", async () => {
    const [[one, first], [, second]] = [...stand.tags] as [[number, string], [number, string]];
    for (let nth = 0; nth < 9; nth += 1) {
      const wire = await Wire.to(stand.held);
      wire.send(
        `GET /who HTTP/1.1\r\nHost: a\r\nCookie: holdfast-app=${first}\r\ncookie: holdfast-app=${second}\r\n\r\n`,
      );
      expect(JSON.parse(String((await wire.response()).body))).toEqual({ pid: one });
      wire.close();
    }
  });
});

describe("forged session ids", () => {
  let chat: Stand;
  beforeAll(async () => {
    chat = await Stand.open({ app: "apps/sessions.mjs", instances: 3 });
  });
  afterAll(() => chat[Symbol.asyncDispose]());
  const ids: { readonly [name: string]: (tag: string) => string } = {
    "of a worker that is not": () => "sid=AAAAxxxxxxxxxxxxxxxx",
    "of a worker that is": (tag) => `sid=${tag}xxxxxxxxxxxxxxxx`,
    "of a tag alone": (tag) => `sid=${tag}`,
    empty: () => "sid=",
    long: (tag) => `sid=${tag}${"x".repeat(5000)}`,
    "that climb": (tag) => `sid=../${tag}/..%2f${tag}`,
    "in an array": (tag) => `sid[]=${tag}xxxxxxxxxxxxxxxx&sid=${tag}&sid=AAAA`,
    "behind a hash": (tag) => `x=1#sid=${tag}xxxxxxxxxxxxxxxx`,
  };
  it.each(Object.entries(ids))("%s: the protocol's own answer", async (_name, id) => {
    for (const tag of chat.tags.values()) {
      const wire = await Wire.to(chat.held);
      wire.send(`GET /socket.io/?EIO=4&transport=polling&${id(tag)} HTTP/1.1\r\nHost: a\r\n\r\n`);
      const { status, body } = await wire.response();
      wire.close();
      // An id that is none to engine.io is a handshake.
      if (status === 200) expect(String(body)).toMatch(/^0\{"sid":"/);
      else
        expect({ status, code: JSON.parse(String(body)).code }).toEqual({ status: 400, code: 1 });
    }
    await expectWell(chat);
  });
});

describe("on the public port", () => {
  it("what a peer would say is what it is to any server: a bad request", async () => {
    const facts = { remoteAddress: "6.6.6.6", remotePort: 6, remoteFamily: "IPv4", tls: null };
    const from = [...stand.tags.values()][0];
    for (const kind of ["http", "control"]) {
      const said = preamble({ kind, from, key: "4:127.0.0.1:80:0", facts });
      const { bare, held } = await stand.both(async (wire) => {
        wire.send(Buffer.concat([said, Buffer.from("GET /who HTTP/1.1\r\nHost: a\r\n\r\n")]));
        await wire.over();
      });
      expect(held).toEqual(bare);
      expect(held.bytes).toMatch(/^HTTP\/1.1 400 /);
    }
  });

  it("headers that claim to be forwarded, or somebody else's, change nothing", async () => {
    const claims = ["Forwarded", "X-Forwarded", "X-Holdfast", "X-Holdfast-From", "Holdfast-Tag"];
    const tag = [...stand.tags.values()][1];
    const { bare, held } = await stand.both(async (wire, talk) => {
      wire.send(
        head(talk, "GET /plain", [
          ...claims.map((name) => `${name}: ${tag}`),
          ...["X-Forwarded-For: 6.6.6.6", "X-Real-IP: 6.6.6.6", "X-Forwarded-Proto: https"],
        ]),
      );
      await wire.response();
      await talk.told(1);
    });
    expect(held).toEqual(bare);
    expect(held.seen[0]).toMatchObject({ remoteAddress: "127.0.0.1", encrypted: false });
  });
});

describe("the sockets of the peers", () => {
  it("lie in a folder that is closed to other users", () => {
    for (const path of peers.values()) {
      expect(statSync(path).isSocket()).toBe(true);
      expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
    }
  });

  const key = (): string => `4:127.0.0.1:${stand.held.port}:0`;
  const WELL = { remoteAddress: "6.6.6.6", remotePort: 6, remoteFamily: "IPv4" };
  const nonsense: { readonly [name: string]: () => Buffer } = {
    "HTTP without a preamble": () => Buffer.from("GET /who HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a length of 4 GB": () => Buffer.from([255, 255, 255, 255, 1, 2, 3]),
    "an empty preamble": () => Buffer.from([0, 0, 0, 0]),
    "no JSON": () => framed("}{"),
    null: () => framed("null"),
    "a number": () => framed("1"),
    "a preamble of another kind": () => preamble({ kind: "x", from: "AAAA" }),
    "a client without facts": () => preamble({ kind: "http", from: "AAAA", key: key() }),
    "facts that are null": () => preamble({ kind: "http", from: "AAAA", key: key(), facts: null }),
    "facts that are text": () => preamble({ kind: "http", from: "AAAA", key: key(), facts: "x" }),
    "facts of other names": () =>
      preamble({ kind: "http", from: "AAAA", key: key(), facts: { destroy: 1, write: 2, on: 3 } }),
    "TLS facts that are none": () =>
      preamble({ kind: "http", from: "AAAA", key: key(), facts: { ...WELL, tls: "yes" } }),
    "a certificate that is none": () =>
      preamble({
        ...{ kind: "http", from: "AAAA", key: key() },
        facts: { ...WELL, tls: { authorized: true, certificate: "AAAA" } },
      }),
    "a server that is not": () =>
      preamble({ kind: "http", from: "AAAA", key: "4:0.0.0.0:1:0", facts: { ...WELL, tls: null } }),
    "control words that are none": () =>
      Buffer.concat([
        preamble({ kind: "control", from: "AAAA" }),
        Buffer.from(
          `nonsense\n{}\n[]\n1\nnull\n{"t":"void"}\n{"t":"took","id":7}\n{"t":"voided"}\n{"t":"leaving"}\n`,
        ),
      ]),
    "a control line without end": () =>
      Buffer.concat([preamble({ kind: "control", from: "AAAA" }), Buffer.alloc(1_000_000, "x")]),
    "a well-made preamble, then garbage": () =>
      Buffer.concat([
        preamble({ kind: "http", from: "AAAA", key: key(), facts: { ...WELL, tls: null } }),
        Buffer.alloc(10_000, 0),
      ]),
  };
  it.each(Object.entries(nonsense))("survive %s", async (_name, bytes) => {
    for (const path of peers.values()) {
      const socket = connect(path);
      socket.on("error", () => {});
      socket.resume();
      socket.write(bytes());
      // Dropped at once, or after the answer of the app's server to what is no request; or it waits for more.
      await until(() => socket.closed || socket.bytesWritten > 0, { what: "it to be sent" });
      socket.end();
      await until(() => socket.closed, { what: "it to be dropped", timeoutMs: 8000 });
      // And one that does not wait for an answer.
      const hasty = connect(path);
      hasty.on("error", () => {});
      hasty.write(bytes(), () => hasty.destroy());
      await until(() => hasty.closed, { what: "it to be gone" });
    }
    await expectWell();
  });

  it("keep nothing of it", async () => {
    const before = new Map([...stand.tags].map(([pid]) => [pid, fdCount(pid)]));
    for (const bytes of Object.values(nonsense)) {
      for (const path of peers.values()) {
        for (let nth = 0; nth < 5; nth += 1) {
          const socket = connect(path);
          socket.on("error", () => {});
          socket.resume();
          socket.end(bytes());
        }
      }
    }
    await until(() => [...before].every(([pid, fds]) => fdCount(pid) <= fds + 3), {
      ...{ what: "descriptors to be closed", timeoutMs: 8000 },
    });
    await expectWell();
  });

  it("survive a preamble that comes byte by byte, and one that never ends", async () => {
    const path = [...peers.values()][0] ?? "";
    const half = preamble({ kind: "http", from: "AAAA", key: key(), facts: WELL }).subarray(0, 40);
    const socket = connect(path);
    socket.on("error", () => {});
    for (const byte of half) socket.write(Buffer.from([byte]));
    await expectWell();
    await until(() => socket.closed, { what: "half a preamble to be dropped", timeoutMs: 8000 });
  });

  it("survive a thousand silent connections each, which are bounded in number, time and memory", async () => {
    const before = new Map(
      [...stand.tags].map(([pid]) => [pid, [fdCount(pid), pssKb(pid)] as const]),
    );
    const silent: Socket[] = [];
    for (const path of peers.values()) {
      for (let nth = 0; nth < 1000; nth += 1) {
        const socket = connect(path);
        socket.on("error", () => {});
        socket.resume();
        silent.push(socket);
      }
    }
    // All are served meanwhile; whose session cannot be reached is served where it is.
    for (let nth = 0; nth < 50; nth += 1) {
      const jar = new Jar().set(STICKY_COOKIE, [...stand.tags.values()][nth % 3] ?? "");
      expect((await ask(stand.held, "/who", { jar })).status).toBe(200);
    }
    for (const [pid, [fds, kb]] of before) {
      expect(fdCount(pid) - fds).toBeLessThan(600);
      expect(pssKb(pid) - kb).toBeLessThan(MAY_GROW_KB);
    }
    await until(() => silent.every((socket) => socket.closed), {
      ...{ what: "all to be dropped", timeoutMs: 15_000 },
    });
    await until(() => [...before].every(([pid, [fds]]) => fdCount(pid) <= fds + 3), {
      what: "descriptors to be closed",
    });
    await expectWell();
  });
});

function preamble(value: unknown): Buffer {
  return framed(JSON.stringify(value));
}

function framed(text: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(Buffer.byteLength(text));
  return Buffer.concat([length, Buffer.from(text)]);
}
