/** examples/chat-ws: what was accepted comes to everybody in the room once and in order, whatever is reloaded or killed. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { WebSocket } from "ws";
import { Example } from "../support/examples/example.ts";
import { Company, clientOf, killSupervisor } from "./chatters.ts";

const CHATTERS = 12;
const ROOMS = ["tea", "Käse & Brot > *"];
const WORKERS = 4;

/** Counts what is said more than once: by a client that does not know whether it was accepted. */
function countingSocket() {
  const ids = new Set<string>();
  const counts = { repeated: 0 };
  class CountingSocket extends WebSocket {
    override send(data: string): void {
      const { id } = JSON.parse(data) as { id: string };
      if (ids.has(id)) counts.repeated += 1;
      ids.add(id);
      super.send(data);
    }
  }
  return { CountingSocket, counts };
}

it("loses no message and doubles none: 5 reloads, workers, rooms and the supervisor killed", async () => {
  const folder = mkdtempSync(join(tmpdir(), "hf-chat-"));
  const { CountingSocket, counts } = countingSocket();
  try {
    await using example = await Example.start("chat-ws", {
      instances: WORKERS,
      // They are stopped for a while: that is no hang.
      apps: { rooms: { instances: 1, hangTimeout: "2m" } },
      env: { ROOMS_FOLDER: folder },
    });
    using company = await Company.meet({
      ...{ open: await clientOf("chat-ws"), rooms: ROOMS, size: CHATTERS },
      url: `http://${await example.address("chat")}/`,
      beside: () => ({ WebSocket: CountingSocket }),
    });
    await example.pound({ apps: ["chat", "rooms"], between: () => company.goOn() });
    await company.killInTheMidst(example);
    await killSupervisor(example);
    await company.goOn();
    await example.reload();
    await company.goOn();
    await company.end();
    const comebacks = company.comebacks();
    expect(company.faults()).toEqual([]);
    // The reloads and the kills have hit clients, and messages that were under way.
    expect(comebacks[1012]).toBeGreaterThanOrEqual(CHATTERS);
    expect(comebacks[1006]).toBeGreaterThan(0);
    expect(counts.repeated).toBeGreaterThan(0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 300_000);
