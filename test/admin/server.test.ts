/** The admin server on real sockets: what it says, to whom, and what it does not put up with. */
import { once } from "node:events";
import { request as ask, type IncomingHttpHeaders } from "node:http";
import { connect, createServer } from "node:net";
import { gunzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { type AdminContext, type AdminServer, serveAdmin } from "../../src/admin/server.ts";
import type { SupervisorReadiness } from "../../src/core/readiness.ts";

const TOKEN = "0123456789abcdef";
const ANY = { host: "127.0.0.1", port: 0 };
const READY: SupervisorReadiness = { ready: true, stopping: false, apps: [] };
const open: AdminServer[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

async function serve(
  more: Partial<AdminContext> = {},
  token: string | null = null,
  host = "127.0.0.1",
): Promise<AdminServer & { readonly port: number; readonly faults: readonly unknown[] }> {
  const faults: unknown[] = [];
  const server = await serveAdmin({ host, port: 0 }, token, {
    metrics: async (accept) => ({ contentType: `text/x; for=${accept}`, body: "a 1\n" }),
    readiness: () => READY,
    fault: (error) => faults.push(error),
    ...more,
  });
  open.push(server);
  return { ...server, port: Number(server.address.replace(/^.*:/, "")), faults };
}

interface Got {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

async function get(
  port: number,
  path: string,
  { method = "GET", headers = {} }: { method?: string; headers?: Record<string, string> } = {},
): Promise<Got> {
  const sent = ask({ port, path, method, headers, agent: false }).end();
  const [response] = await once(sent, "response");
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) };
}

/** All that the server says to raw bytes until it closes the connection. */
async function raw(port: number, text: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  let heard = "";
  socket.setEncoding("latin1").on("data", (chunk) => (heard += chunk));
  socket.on("error", () => {});
  socket.write(text);
  await once(socket, "close");
  return heard;
}

describe("GET", () => {
  it("/metrics passes on what the client accepts, and what comes of it", async () => {
    const { port } = await serve();
    const found = await get(port, "/metrics", { headers: { accept: "application/x" } });
    expect(found.status).toBe(200);
    expect(found.headers["content-type"]).toBe("text/x; for=application/x");
    expect(found.body.toString()).toBe("a 1\n");
  });

  it("/healthz says that the loop turns", async () => {
    const { port } = await serve();
    expect(await get(port, "/healthz")).toMatchObject({ status: 200, body: Buffer.from("ok\n") });
  });

  it("/readyz says what is missing, as JSON, with status 503", async () => {
    let found = READY;
    const { port } = await serve({ readiness: () => found });
    expect((await get(port, "/readyz")).status).toBe(200);
    const missing = "1 of 4 workers is ready, 2 must be";
    found = {
      ...{ ready: false, stopping: false },
      apps: [{ app: "api", ready: false, have: 1, need: 2, of: 4, missing }],
    };
    const { status, headers, body } = await get(port, "/readyz");
    expect([status, headers["content-type"]]).toEqual([503, "application/json"]);
    expect(JSON.parse(body.toString())).toEqual(found);
  });

  it.each(["/healthz", "/metrics", "/nothing"])(
    "%s is kept by nobody and run by no browser",
    async (path) => {
      const { port } = await serve();
      expect((await get(port, path)).headers).toMatchObject({
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
      });
    },
  );
});

describe("compression", () => {
  const body = `${'holdfast_x{app="a"} 1\n'.repeat(500)}`;
  const metrics = async (): ReturnType<AdminContext["metrics"]> => ({ contentType: "t/x", body });

  it.each(["gzip", "deflate, gzip;q=0.5", "*"])("with %s", async (accepted) => {
    const { port } = await serve({ metrics });
    const found = await get(port, "/metrics", { headers: { "accept-encoding": accepted } });
    expect(found.headers["content-encoding"]).toBe("gzip");
    expect(Number(found.headers["content-length"])).toBe(found.body.length);
    expect(found.body.length).toBeLessThan(body.length / 10);
    expect(gunzipSync(found.body).toString()).toBe(body);
  });

  it.each(["", "identity", "br", "gzip;q=0", "gzip;q=0.000"])("none with %j", async (accepted) => {
    const { port } = await serve({ metrics });
    const found = await get(port, "/metrics", { headers: { "accept-encoding": accepted } });
    expect(found.headers["content-encoding"]).toBeUndefined();
    expect(found.body.toString()).toBe(body);
  });

  it("none for what is short", async () => {
    const { port } = await serve();
    const found = await get(port, "/metrics", { headers: { "accept-encoding": "gzip" } });
    expect(found.headers["content-encoding"]).toBeUndefined();
  });
});

describe("HEAD", () => {
  it("has the headers of GET and no body", async () => {
    const { port } = await serve();
    const found = await get(port, "/healthz", { method: "HEAD" });
    expect([found.status, found.headers["content-length"], found.body.length]).toEqual([
      200,
      "3",
      0,
    ]);
  });
});

describe("refused", () => {
  it("405 with what is allowed", async () => {
    const { port } = await serve();
    const found = await get(port, "/metrics", { method: "POST" });
    expect([found.status, found.headers.allow]).toEqual([405, "GET, HEAD"]);
  });

  it("404 with what there is", async () => {
    const { port } = await serve();
    const found = await get(port, "/");
    expect([found.status, found.body.toString()]).toEqual([
      404,
      "There is /metrics, /healthz, /readyz, and nothing else.\n",
    ]);
  });

  it("421 for a name that is not this machine's", async () => {
    const { port } = await serve();
    const headers = { host: "rebound.example" };
    expect((await get(port, "/metrics", { headers })).status).toBe(421);
  });

  it("401 without the token, which can be changed while it runs", async () => {
    const server = await serve({}, TOKEN);
    const metrics = (token: string): Promise<Got> =>
      get(server.port, "/metrics", { headers: { authorization: `Bearer ${token}` } });
    const none = await get(server.port, "/metrics");
    expect([none.status, none.headers["www-authenticate"]]).toEqual([
      401,
      'Bearer realm="holdfast"',
    ]);
    expect((await metrics(TOKEN)).status).toBe(200);
    server.setToken(`${TOKEN}2`);
    expect((await metrics(TOKEN)).status).toBe(401);
    expect((await metrics(`${TOKEN}2`)).status).toBe(200);
    expect((await get(server.port, "/readyz")).status).toBe(200);
  });

  it("500 where rendering fails, and the fault is told", async () => {
    const server = await serve({ metrics: () => Promise.reject(new Error("out of ink")) });
    const found = await get(server.port, "/metrics");
    expect(found.status).toBe(500);
    expect(found.body.toString()).not.toContain("ink");
    expect(String(server.faults)).toContain("out of ink");
    expect((await get(server.port, "/healthz")).status).toBe(200);
  });

  it("a request whose body never comes", async () => {
    const { port } = await serve();
    const head = "POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n";
    expect(await raw(port, head)).toContain("405 Method Not Allowed");
  });

  it("headers without an end, by size and by time", async () => {
    const { port } = await serve();
    const endless = `GET / HTTP/1.1\r\nHost: localhost\r\nx: ${"a".repeat(20_000)}`;
    expect(await raw(port, endless)).toContain("431 ");
    const started = performance.now();
    expect(await raw(port, "GET / HTTP/1.1\r\n")).toContain("408 ");
    expect(performance.now() - started).toBeLessThan(9000);
  });

  it("nobody holds it up: the hundred-and-first connection is closed at once", async () => {
    const { port } = await serve();
    const idle = Array.from({ length: 100 }, () => connect(port, "127.0.0.1"));
    await Promise.all(idle.map((socket) => once(socket, "connect")));
    // An answer shows that all before it have been accepted.
    idle[99]?.write("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await once(idle[99] as never, "data");
    expect(await raw(port, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")).toBe("");
    for (const socket of idle) socket.destroy();
  });
});

describe("an address that cannot be had", () => {
  it("names who has it", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as { port: number };
    const context = {
      metrics: async () => ({ contentType: "", body: "" }),
      readiness: () => READY,
    };
    const failed = await serveAdmin({ ...ANY, port }, null, { ...context, fault() {} }).catch(
      (error: unknown) => error,
    );
    expect(failed).toMatchObject({ code: "HF_ADMIN_PORT_IN_USE" });
    if (process.platform === "linux") {
      expect(String(failed)).toContain(`in use by process ${process.pid} (`);
    }
    other.close();
    await once(other, "close");
  });

  it("says what else is wrong", async () => {
    // 192.0.2.0/24 is for documentation (RFC 5737): no machine has it.
    await expect(serve({}, TOKEN, "192.0.2.1")).rejects.toMatchObject({
      code: "HF_ADMIN_NOT_LISTENING",
      details: { address: "192.0.2.1:0", reason: "EADDRNOTAVAIL" },
    });
  });
});

it("listens on IPv6, and says so as a URL would", async (context) => {
  const probe = createServer().listen(0, "::1");
  const [found] = await Promise.race([
    once(probe, "listening").then(() => [true]),
    once(probe, "error"),
  ]);
  probe.close();
  context.skip(found !== true, "this machine has no IPv6 loopback");
  const server = await serve({}, null, "::1");
  expect(server.address).toMatch(/^\[::1\]:\d+$/);
});

it("closes although a client keeps its connection", async () => {
  const server = await serve();
  const idle = connect(server.port, "127.0.0.1");
  await once(idle, "connect");
  const closed = once(idle, "close");
  await server.close();
  await closed;
});
