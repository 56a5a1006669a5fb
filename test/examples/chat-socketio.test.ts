/** examples/chat-socketio: what was accepted comes to everybody in the room once and in order, over both transports. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { io, type Socket } from "socket.io-client";
import { expect, it } from "vitest";
import { Example } from "../support/examples/example.ts";
import { Company, clientOf, killSupervisor } from "./chatters.ts";

const CHATTERS = 12;
const WORKERS = 4;

it("loses no message and doubles none: 5 reloads, workers, rooms and the supervisor killed", async () => {
  const folder = mkdtempSync(join(tmpdir(), "hf-chat-"));
  try {
    await using example = await Example.start("chat-socketio", {
      instances: WORKERS,
      // They are stopped for a while: that is no hang.
      apps: { rooms: { instances: 1, hangTimeout: "2m" } },
      env: { ROOMS_FOLDER: folder },
    });
    const url = `http://${await example.address("chat")}/`;
    using company = await Company.meet({
      ...{ open: await clientOf("chat-socketio"), url, rooms: ["tea", "coffee"], size: CHATTERS },
      // In each room half of them poll.
      beside: (nth) => (nth % 4 < 2 ? { url: `${url}?transport=polling` } : {}),
    });
    await example.pound({ apps: ["chat", "rooms"], between: () => company.goOn() });
    await company.killInTheMidst(example);
    await killSupervisor(example);
    await company.goOn();
    await company.end();
    expect(company.faults()).toEqual([]);
    const all = Object.values(company.comebacks()).reduce((sum, count) => sum + count, 0);
    expect(all).toBeGreaterThanOrEqual(5 * CHATTERS);
    // Nobody has to begin anew: sessions are known to all workers.
    expect(company.recovered()).toBe(all);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 300_000);

it("outlives what strangers may send", async () => {
  await using example = await Example.start("chat-socketio", {
    instances: 1,
    env: { ROOMS_FOLDER: "." },
    apps: { rooms: { autostart: false } },
  });
  const url = `http://${await example.address("chat")}/`;
  const [before] = await example.workers("chat");
  const strange = { toString: 1 };
  const enter = (auth: object): Socket =>
    io(url, { auth, transports: ["websocket"], forceNew: true });
  const sockets = [{ name: strange, room: [strange] }, { me: null, name: 7 }, {}].map(enter);
  try {
    for (const socket of sockets) {
      for (const event of ["say", "since"]) {
        for (const sent of [null, 7, "text", [], { id: strange, text: strange }]) {
          socket.emit(event, sent);
          socket.emit(event, sent, "no function");
        }
        socket.emit(event);
      }
      // It refuses what has no text, and so has had all that came before.
      const said = { id: strange, text: strange };
      expect(await socket.timeout(10_000).emitWithAck("say", said)).toMatchObject({ seq: null });
    }
  } finally {
    for (const socket of sockets) socket.disconnect();
  }
  const [after] = await example.workers("chat");
  expect(after?.pid).toBe(before?.pid);
}, 60_000);
