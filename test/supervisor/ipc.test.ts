/** A channel whose other end also writes past Node: what of it can be read is, and nothing waits for ever. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { boundedLines, LONGEST_MESSAGE_BYTES, readLine } from "../../src/link/ipc-lines.ts";
import { readSafely } from "../../src/supervisor/ipc.ts";
import { bindHandle, type Handle } from "../../src/supervisor/node-internals.ts";
import { fixture } from "../support/holdfast.ts";
import { Output } from "../support/output.ts";
import { until } from "../support/until.ts";

interface Garbler {
  readonly child: ChildProcess;
  readonly output: Output;
  readonly faults: string[];
  readonly received: { message: unknown; handle: Handle | undefined }[];
  tell(order: object): Promise<void>;
}

const open: { child: ChildProcess; handles: Handle[] }[] = [];
afterEach(async () => {
  for (const { child, handles } of open.splice(0)) {
    for (const handle of handles) handle.close();
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
  }
});

async function garbler(): Promise<Garbler> {
  const stdio = ["ignore", "pipe", "inherit", "ipc"] as const;
  const child = spawn(process.execPath, [fixture("garbles.mjs")], { stdio: [...stdio] });
  const output = new Output(child, "the garbler");
  const faults: string[] = [];
  const received: Garbler["received"] = [];
  const handles: Handle[] = [];
  open.push({ child, handles });
  readSafely(child, (fault) => faults.push(fault));
  child.on("message", (message) => received.push({ message, handle: undefined }));
  child.on("internalMessage", (message: { cmd: string }, handle?: Handle) => {
    if (message.cmd !== "NODE_TEST") return;
    if (handle) handles.push(handle);
    received.push({ message, handle });
  });
  const tell = async (order: object): Promise<void> => {
    child.send(order);
    const done = `done ${JSON.stringify(order)}`;
    await output.wait(() => output.stdout.find((line) => line === done), done);
  };
  await output.wait(() => output.findLine(/^started$/), "that it starts");
  return { child, output, faults, received, tell };
}

/** A socket to send; the worker has its duplicate once it has been sent. */
function socket(): Handle {
  const handle = bindHandle("127.0.0.1", 0, 4, 0);
  if (typeof handle === "number") throw new Error(`no socket: ${handle}`);
  return handle;
}

/** A client connected to the port the garbler is about to say. */
async function connected({ output }: Garbler): Promise<net.Socket> {
  const [, port] = await output.wait(() => output.findLine(/^port (\d+)$/), "its port");
  return net.connect(Number(port), "127.0.0.1").on("error", () => {});
}

describe("half a line that an app leaves on its channel", () => {
  it.each([10, LONGEST_MESSAGE_BYTES + 1])(
    "of %i bytes does not swallow the acknowledgement of a handle: messages go on",
    async (half) => {
      const { child, faults, tell } = await garbler();
      await tell({ half });
      const handle = socket();
      child.send({ half: 0 }, handle as never);
      await tell({ say: "after" });
      handle.close();
      expect(faults).toEqual([half > 10 ? "too-long" : "malformed"]);
    },
  );

  it("does not swallow a connection that is passed on", async () => {
    const garbled = await garbler();
    const { received, tell } = garbled;
    await tell({ half: 10 });
    const passed = tell({ filler: 0 });
    const client = await connected(garbled);
    await passed;
    await until(() => received.length > 0, { what: "the connection" });
    expect(received[0]?.handle).toBeDefined();
    await tell({ say: "after" });
    await until(() => received.length > 1, { what: "what came after it" });
    client.destroy();
  });

  it("that does swallow one closes it, and the worker is not blocked", async () => {
    const garbled = await garbler();
    const { received, tell, faults } = garbled;
    await tell({ half: 10 });
    const passed = tell({ filler: 50_000 });
    const client = await connected(garbled);
    await Promise.all([once(client.resume(), "close"), passed]);
    await tell({ say: "after" });
    await until(() => received.length > 0, { what: "what came after it" });
    expect(received).toEqual([{ message: { said: "after" }, handle: undefined }]);
    expect(faults).toEqual(["malformed"]);
  });
});

describe("a worker that dies before it has taken a handle", () => {
  it("lets every message that waits behind it fail, and is known to be gone", async () => {
    const { child, tell } = await garbler();
    await tell({ freeze: true });
    const [one, two] = [socket(), socket()];
    const errors: (Error | null)[] = [];
    child.send({}, one as never);
    child.send({}, two as never, {}, (error) => errors.push(error));
    child.send({}, (error) => errors.push(error));
    const disconnected = once(child, "disconnect");
    child.kill("SIGKILL");
    await disconnected;
    await until(() => errors.length === 2, { what: "both errors" });
    expect(errors.map((error) => error instanceof Error)).toEqual([true, true]);
    for (const handle of [one, two]) handle.close();
  });
});

describe("lines of a channel", () => {
  const message = fc.oneof(
    fc.record({ cmd: fc.constant("NODE_HOLDFAST"), t: fc.string(), at: fc.nat() }),
    fc.record({
      cmd: fc.constant("NODE_HANDLE"),
      msg: fc.record({ cmd: fc.constant("NODE_HOLDFAST"), key: fc.string() }),
    }),
    fc.record({ text: fc.string({ unit: "binary" }) }),
  );
  const half = fc.string({ unit: "binary", maxLength: 30 }).map((text) => text.replace(/\n/g, ""));

  it("come whole, however the bytes are cut; half a line costs no message of Node's", () => {
    const lines = fc.array(fc.tuple(fc.option(half, { nil: "" }), message));
    fc.assert(
      fc.property(
        lines,
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
        (all, cuts) => {
          const bytes = Buffer.from(all.map(([x, m]) => `${x}${JSON.stringify(m)}\n`).join(""));
          const reader = boundedLines(() => {});
          const found: unknown[] = [];
          for (let at = 0, n = 0; at < bytes.length; n++) {
            const size = cuts[n % cuts.length] ?? 1;
            for (const line of reader.push(bytes.subarray(at, at + size)))
              found.push(readLine(line, () => {}));
            at += size;
          }
          expect(reader.isOpen()).toBe(false);
          all.forEach(([before, expected], n) => {
            // What JSON takes for white space, which is less than trim() does.
            const isWhole = /^[ \t\r]*$/.test(before) || "cmd" in expected;
            if (isWhole) expect(found[n]).toEqual(JSON.parse(JSON.stringify(expected)));
          });
        },
      ),
    );
  });
});
