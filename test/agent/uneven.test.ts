/** Workers of one app need not all listen on the same addresses: who does not is given none of its connections. */

import { once } from "node:events";
import net from "node:net";
import { describe, expect, it } from "vitest";
import { stage, stop } from "../promises/stage.ts";
import { freePort } from "../support/holdfast.ts";
import { until } from "../support/until.ts";
import { heard, servedBy } from "./served.ts";

const host = "127.0.0.1";

describe("an address that one worker alone listens on", () => {
  it("is served by it, however many long-lived connections it has and the others have not", async () => {
    const [shared, own] = [await freePort(), await freePort()];
    const LISTEN = JSON.stringify([
      { name: "shared", port: shared, host },
      { name: "own", port: own, host, only: "0" },
    ]);
    const { run } = await stage("apps/listeners.mjs", { env: { LISTEN }, instances: 3 });
    await heard(run, "listening", "own", 1);
    // The app's word comes before its socket is attached: a moment later it is there.
    await until(() => isReached(own), { what: "the address of the one" });
    const connections: net.Socket[] = [];
    const slots = new Set<string>();
    for (let n = 0; n < 40; n++) {
      const socket = net.connect(own, host);
      connections.push(socket);
      slots.add(await slotOf(socket));
    }
    expect([...slots]).toEqual(["0"]);
    expect(connections.filter((socket) => socket.destroyed)).toEqual([]);
    for (const socket of connections) socket.destroy();
    await servedBy({ port: shared }, 3);
    await stop(run);
  });
});

function isReached(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, host);
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

/** Who answers a first request on the connection, which then stays open; "none" when it is cut. */
async function slotOf(socket: net.Socket): Promise<string> {
  socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  const answered = once(socket, "data").then(([data]) => String(data));
  const cut = new Promise<string>((resolve) => socket.once("close", () => resolve("cut")));
  return /"slot":"(\d+)"/.exec(await Promise.race([answered, cut]))?.[1] ?? "none";
}
