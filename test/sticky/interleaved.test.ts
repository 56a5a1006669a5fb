/** Many clients' requests on one connection, as a proxy sends them: each is answered by its own worker, in order. */

import http from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stage, stop } from "../promises/stage.ts";
import { hasNginx, Nginx } from "../support/nginx.ts";
import { ask, askJson, Jar } from "../support/sticky/client.ts";
import { findTags, Stand } from "../support/sticky/stand.ts";
import { Wire } from "../support/sticky/wire.ts";

const WORKERS = 4;

interface Page {
  readonly pid: number;
  readonly n: number;
  readonly isNew: boolean;
}

function request(tag: string, path = "/who", body = ""): string {
  const length = body ? `Content-Length: ${body.length}\r\n` : "";
  const method = body ? "POST" : "GET";
  return `${method} ${path} HTTP/1.1\r\nHost: a\r\nCookie: x=y; holdfast-app=${tag}\r\n${length}\r\n${body}`;
}

describe.each([false, true])("on one kept connection, TLS: %s", (tls) => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await Stand.open({ instances: WORKERS, env: tls ? { TLS: "1" } : {} });
  });
  afterAll(() => stand[Symbol.asyncDispose]());

  it("a thousand requests of four sessions, one after the other", async () => {
    const wire = await Wire.to(stand.held);
    const tags = [...stand.tags];
    for (let nth = 0; nth < 1000; nth += 1) {
      const [pid, tag] = tags[(nth * 7 + (nth >> 3)) % tags.length] as [number, string];
      wire.send(request(tag));
      const response = await wire.response();
      expect(JSON.parse(String(response.body))).toEqual({ pid });
      expect(response.headers.get("set-cookie")).toBeUndefined();
      wire.forget();
    }
    wire.close();
  });

  it("pipelined requests that alternate between sessions are answered in order", async () => {
    const wire = await Wire.to(stand.held);
    const turns = Array.from(
      { length: 200 },
      (_, nth) => [...stand.tags][nth % 3] as [number, string],
    );
    wire.send(turns.map(([, tag]) => request(tag)).join("") + request("", "/last"));
    await wire.text("the last word");
    const pids = [...wire.received.toString("latin1").matchAll(/\{"pid":(\d+)\}/g)].map(numberOf);
    expect(pids).toEqual(turns.map(([pid]) => pid));
    wire.close();
  });

  it("so are uploads among them, and slow ones before fast ones", async () => {
    const wire = await Wire.to(stand.held);
    const [one, two, three] = [...stand.tags.values()] as [string, string, string];
    const bodies = ["first".repeat(20_000), "second", "third".repeat(5_000)];
    wire.send(
      [
        request(one, "/upload?wait=200", bodies[0]),
        request(two, "/upload", bodies[1]),
        request(three, "/upload?wait=100", bodies[2]),
        request(two, "/plain?bytes=70000"),
        request(one, "/last"),
      ].join(""),
    );
    await wire.text("the last word");
    const lengths = [...wire.received.toString("latin1").matchAll(/\{"bytes":(\d+)/g)].map(
      numberOf,
    );
    expect(lengths).toEqual(bodies.map((body) => body.length));
    wire.close();
  });
});

function numberOf([, digits]: RegExpMatchArray): number {
  return Number(digits);
}

describe("from a client that keeps its connections", () => {
  it("fifty sessions on four connections keep their memories", async () => {
    const { run, port } = await stage("apps/sessions.mjs", {
      instances: WORKERS,
      flags: ["--sticky"],
    });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
    await keepMemories(50, 10, (jar) => askJson({ port }, "/session", { jar, agent }));
    agent.destroy();
    await stop(run);
  });

  // skip: only a machine with nginx can tell; .ci/run installs it where it may
  it.skipIf(!hasNginx())("two hundred sessions behind nginx's four do, too", async () => {
    const { run, port } = await stage("apps/sessions.mjs", {
      instances: WORKERS,
      flags: ["--sticky"],
    });
    const tags = await findTags({ port }, WORKERS, "/whoami");
    await using nginx = await Nginx.before(port, { keepalive: 4 });
    const pids = await keepMemories(200, 6, (jar) =>
      askJson({ port: nginx.port }, "/session", { jar }),
    );
    expect([...pids].sort()).toEqual([...tags.keys()].sort());
    await stop(run);
  });

  it("the cookie is given once, and as it should be", async () => {
    const { run, port } = await stage("apps/sessions.mjs", { instances: 2, flags: ["--sticky"] });
    const jar = new Jar();
    const first = await ask({ port }, "/session", { jar });
    const [own, ...others] = (first.headers["set-cookie"] ?? []).filter((line) =>
      line.startsWith("holdfast-app="),
    );
    expect(own).toMatch(/^holdfast-app=[A-Za-z0-9_-]{4}; Path=\/; HttpOnly; SameSite=Lax$/);
    expect(others).toEqual([]);
    for (let nth = 0; nth < 10; nth += 1) {
      const again = await ask({ port }, "/session", { jar });
      expect(again.headers["set-cookie"]).toBeUndefined();
    }
    await stop(run);
  });
});

/** So many sessions in turns; each answer continues its session on its process. The processes that answered. */
async function keepMemories(
  sessions: number,
  turns: number,
  load: (jar: Jar) => Promise<Page>,
): Promise<ReadonlySet<number>> {
  const jars = Array.from({ length: sessions }, () => new Jar());
  const pids = new Map<Jar, number>();
  for (let turn = 1; turn <= turns; turn += 1) {
    const pages = await Promise.all(jars.map(load));
    pages.forEach(({ pid, n, isNew }, index) => {
      const jar = jars[index] as Jar;
      expect({ pid, n, isNew }).toEqual({ pid: pids.get(jar) ?? pid, n: turn, isNew: turn === 1 });
      pids.set(jar, pid);
    });
  }
  return new Set(pids.values());
}
