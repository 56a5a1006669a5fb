/** Queued messages as people see them. */

import { describe, expect, it } from "vitest";
import type { QueuedMessage } from "../../../src/bus/queue-api.ts";
import { messageTable } from "../../../src/cli/render/queues.ts";
import { FORMAT } from "../../../src/link/bus-frames.ts";

function message(holder: string | null): QueuedMessage {
  const body = Buffer.from("1");
  return {
    ...{ id: "7", state: "leased", key: null, headers: null, priority: 4, attempt: 1, attempts: 5 },
    ...{ enqueuedAt: 0, dueAt: 0, expiresAt: null, holder, from: "gateway/0" },
    ...{ body, bodyBytes: body.length, format: FORMAT.json },
    ...{ reason: null, error: null, failedAt: null },
  };
}

describe("messageTable", () => {
  it.each([
    ["worker mailer/0 4R9EMTtId-jLZR-X/1", "mailer:0"],
    ["program nightly report 4R9EMTtId-jLZR-X/2", "nightly report"],
    ["program client 4R9EMTtId-jLZR-X/2", "client"],
    [null, "-"],
  ])("says of %j that %s has it", (holder, shown) => {
    const table = messageTable([message(holder)], "leased", {
      ...{ columns: null, colour: false, now: 1000 },
    });
    const [heading = "", line = ""] = table.split("\n");
    const at = heading.indexOf("HOLDER");
    expect(line.slice(at, heading.indexOf("DATA")).trim()).toBe(shown);
  });
});
