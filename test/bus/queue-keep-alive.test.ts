/** What a process stays for that uses durable queues: real programs, the built package. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { fixture } from "../support/holdfast.ts";
import { until } from "../support/until.ts";
import { serveQueues } from "./queue-served.ts";
import { atEnd, type Served } from "./served.ts";

function run({ path }: Served, what: string) {
  const child = spawn(process.execPath, [fixture("bus-client.mjs"), path, what]);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
  }
  const closed = once(child, "close");
  atEnd(async () => {
    child.kill("SIGKILL");
    await closed;
  });
  return { child, said: () => said, code: closed.then(([code]) => code as number | null) };
}

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
