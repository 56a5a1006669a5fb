/** What programs do that changes nothing of whose session it is. */

import { io } from "socket.io-client";
import { describe, expect, it } from "vitest";
import { parse } from "../metrics/stand.ts";
import { embed, puppet } from "../supervisor/embedded.ts";
import { fixture } from "../support/holdfast.ts";
import { askJson, Jar } from "../support/sticky/client.ts";
import { until } from "../support/until.ts";

const BROWSERS = 8;

it("several apps of one host: a browser keeps its worker of each, in any order", async () => {
  const script = fixture("apps/sessions.mjs");
  const apps = await Promise.all(
    ["shop", "admin.v2"].map((name) =>
      puppet({ script, name, instances: 3, sticky: { by: ["cookie"] } }),
    ),
  );
  const { supervisor } = embed(...apps);
  await supervisor.start();
  for (let browser = 0; browser < BROWSERS; browser += 1) {
    const jar = new Jar();
    const seen = apps.map(() => new Set<number>());
    for (let round = 0; round < 4; round += 1) {
      for (const [index, { port }] of apps.entries())
        seen[index]?.add((await askJson<{ pid: number }>({ port }, "/who", { jar })).pid);
    }
    expect(seen.map(({ size }) => size)).toEqual([1, 1]);
    expect(jar.header).toMatch(/^holdfast-shop=[\w-]{4}; holdfast-admin\.v2=[\w-]{4}$/);
  }
});

describe("Socket.IO that polls, without cookies", () => {
  it.each([
    ["with parameters of its own that are named nearly so", { ssid: "home", classid: "7" }, ""],
    ["with ids of the app's own", {}, "user:"],
  ])("%s finds its worker", async (_how, query, beginning) => {
    const env = { ID_BEGINNING: beginning };
    const script = fixture("apps/socketio.mjs");
    const own = await puppet({ script, name: "app", instances: 4, sticky: true, env });
    const { supervisor } = embed(own);
    await supervisor.start();
    for (let client = 0; client < BROWSERS; client += 1) {
      const options = { transports: ["polling"], reconnection: false, forceNew: true, query };
      const socket = io(`http://127.0.0.1:${own.port}`, options);
      const echo = await new Promise((resolve) => {
        socket.on("connect_error", (error) => resolve(error));
        socket.on("disconnect", (reason) => resolve(reason));
        socket.emit("echo", client, resolve);
      });
      socket.removeAllListeners();
      socket.close();
      expect(echo).toBe(client);
    }
  });
});

it("a request that the app sends on within itself is routed once, and keeps its body", async () => {
  const own = await puppet({
    ...{ script: fixture("apps/sends-on.mjs"), name: "app", instances: 3 },
    sticky: { by: ["cookie"], placement: "least-loaded" },
  });
  const { supervisor } = embed(own);
  await supervisor.start();
  const asked = Array.from({ length: 30 }, (_, nth) => `body ${nth}`);
  for (const body of asked) {
    const answer = await askJson<[string, number]>(own, "/", { method: "POST", body });
    expect(answer).toEqual([body, expect.any(Number)]);
  }
  const routed = async () => {
    const lines = parse((await supervisor.metrics()).body);
    const found = [...lines].filter(([line]) => line.startsWith("holdfast_sticky_requests_total"));
    return found.reduce((sum, [, count]) => sum + count, 0);
  };
  // Each worker tells its counts once a second.
  const last = await askJson<[string, number]>(own, "/", { method: "POST", body: "the last" });
  expect(last[0]).toBe("the last");
  await until(async () => (await routed()) > asked.length, { what: "all to be counted" });
  expect(await routed()).toBe(asked.length + 1);
});
