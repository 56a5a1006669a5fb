/** What a process stays for that uses durable queues: real programs, the built package. */

import { describe, expect, it } from "vitest";
import { until } from "../support/until.ts";
import { run } from "./program.ts";
import { serveQueues } from "./queue-served.ts";

describe("a program with durable queues", () => {
  it("ends when what it has enqueued is stored", async () => {
    const served = serveQueues();
    const program = run(served, "enqueues");
    expect(await program.code, program.said()).toBe(0);
    expect(program.said()).toBe("stored 1\n");
    const client = await served.client();
    expect(await client.queues.peek("fixture")).toMatchObject([{ from: "fixture" }]);
  });

  it("stays while it consumes, also while the supervisor is away, and ends when it has stopped", async () => {
    const served = serveQueues();
    const program = run(served, "consumes");
    await until(() => program.said().includes("consumes"), { what: "the consumer" });
    await served.stop();
    served.start();
    const client = await served.client();
    await client.enqueue("fixture", "one");
    await until(() => program.said().includes("got one"), { what: "a message" });
    expect(program.child.exitCode).toBe(null);
    await client.enqueue("fixture", "stop");
    expect(await program.code, program.said()).toBe(0);
    // The end of the last one was written down before the program has ended.
    expect(await client.queues.list()).toEqual([]);
  });
});
