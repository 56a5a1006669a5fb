/** Messages and handles over a UNIX socket, between two that did not start each other. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LONGEST_MESSAGE_BYTES } from "../../src/link/ipc-lines.ts";
import {
  acceptIpcPipe,
  dialIpcPipe,
  type Handle,
  type IpcPipe,
  type IpcPipeEvents,
} from "../../src/link/ipc-pipe.ts";
import { bindHandle } from "../../src/supervisor/node-internals.ts";
import { fixture } from "../support/holdfast.ts";
import { until } from "../support/until.ts";

interface Heard {
  readonly message: unknown;
  readonly handle: Handle | undefined;
}

/** One end, and all that came out of it. */
class End {
  pipe!: IpcPipe;
  readonly heard: Heard[] = [];
  readonly faults: string[] = [];
  connected = 0;
  closed = 0;
  onMessage: (message: unknown) => void = () => {};

  readonly events: IpcPipeEvents & { connected(): void } = {
    connected: () => void this.connected++,
    message: (message, handle) => {
      this.heard.push({ message, handle });
      this.onMessage(message);
    },
    closed: () => void this.closed++,
    fault: (fault) => void this.faults.push(fault),
  };

  get messages(): readonly unknown[] {
    return this.heard.map(({ message }) => message);
  }

  /** Sends, and resolves with what became of it. */
  send(message: unknown, handle?: unknown): Promise<Error | null> {
    return new Promise((resolve) => this.pipe.send(message, handle, resolve));
  }
}

let folder: string;
let path: string;
let server: net.Server;
/** What the server makes of the next connection. */
let onSocket: (socket: net.Socket) => void;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "ipc-pipe-"));
  path = join(folder, "sock");
  server = net.createServer({ pauseOnConnect: true }, (socket) => onSocket(socket));
  server.listen(path);
  await once(server, "listening");
});

afterEach(async () => {
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});

async function pair(): Promise<readonly [dialed: End, accepted: End]> {
  const [dialed, accepted] = [new End(), new End()];
  onSocket = (socket) => {
    accepted.pipe = acceptIpcPipe(socket, accepted.events);
  };
  dialed.pipe = dialIpcPipe(path, dialed.events);
  await until(() => dialed.connected && accepted.pipe, { what: "the pipe", intervalMs: 1 });
  return [dialed, accepted];
}

/** An accepted pipe whose peer writes what it likes. */
async function raw(): Promise<readonly [peer: net.Socket, accepted: End]> {
  const accepted = new End();
  onSocket = (socket) => {
    accepted.pipe = acceptIpcPipe(socket, accepted.events);
  };
  const peer = net.connect(path);
  await until(() => accepted.pipe, { what: "the pipe", intervalMs: 1 });
  return [peer, accepted];
}

async function close(...ends: End[]): Promise<void> {
  for (const end of ends) end.pipe.destroy();
  await until(() => ends.every(({ closed }) => closed === 1), {
    what: "the pipes to close",
    intervalMs: 1,
  });
}

function bound(): Handle & { getsockname(out: object): number } {
  const handle = bindHandle("127.0.0.1", 0, 4, 0);
  if (typeof handle === "number") throw new Error(`cannot bind: ${handle}`);
  return handle as never;
}

function portOf(handle: Handle): number {
  const out: { port?: number } = {};
  (handle as ReturnType<typeof bound>).getsockname(out);
  return Number(out.port);
}

const descriptors = (): number => readdirSync("/proc/self/fd").length;

describe("messages", () => {
  it("go both ways, of any kind JSON knows", async () => {
    const [dialed, accepted] = await pair();
    const all = ["ready", 0, null, false, [1], { a: { h: 1 } }, "\n\u2028é\u{1f600}", { m: 1 }];
    for (const message of all) dialed.pipe.send(message);
    for (const message of all) accepted.pipe.send(message);
    await until(() => dialed.heard.length + accepted.heard.length === 2 * all.length, {
      what: "all messages",
    });
    expect(dialed.messages).toEqual(all);
    expect(accepted.messages).toEqual(all);
    expect(await dialed.send("and this one")).toBeNull();
    await close(dialed, accepted);
    expect([dialed.faults, accepted.faults]).toEqual([[], []]);
  });

  it("are said to be too long before they are sent, up to what is read", async () => {
    const [dialed, accepted] = await pair();
    const longest = "x".repeat(LONGEST_MESSAGE_BYTES - 100);
    expect(await dialed.send(`${longest}${"x".repeat(200)}`)).toMatchObject({
      message: expect.stringMatching(/too long/),
    });
    expect(await dialed.send(longest)).toBeNull();
    await until(() => accepted.heard.length === 1, { what: "the longest message" });
    expect(accepted.messages[0]).toHaveLength(longest.length);
    await close(dialed, accepted);
  });

  it("that cannot be written down are refused where they are sent", async () => {
    const [dialed, accepted] = await pair();
    expect(() => dialed.pipe.send(1n)).toThrow(TypeError);
    await close(dialed, accepted);
  });

  it("pile up at a peer that does not read, which is told", async () => {
    const [dialed, accepted] = await pair();
    expect(dialed.pipe.isCongested()).toBe(false);
    // All in this turn: nobody reads meanwhile.
    while (!dialed.pipe.isCongested()) dialed.pipe.send("x".repeat(10_000));
    await until(() => !dialed.pipe.isCongested(), { what: "the peer to have read" });
    await close(dialed, accepted);
    expect(dialed.pipe.isCongested()).toBe(true);
  });
});

describe("handles", () => {
  it("that listen accept at the other end", async () => {
    const [dialed, accepted] = await pair();
    for (const [from, to] of [
      [dialed, accepted],
      [accepted, dialed],
    ] as const) {
      const handle = bound();
      const port = portOf(handle);
      expect(await from.send({ shard: 1 }, handle)).toBeNull();
      handle.close();
      const [got] = to.heard.splice(0);
      expect(got?.message).toEqual({ shard: 1 });
      const listener = net.createServer((socket) => socket.end("hello"));
      listener.listen(got?.handle as never);
      await once(listener, "listening");
      expect(await read(port)).toBe("hello");
      await new Promise((resolve) => listener.close(resolve));
    }
    await close(dialed, accepted);
  });

  it("of connections carry on at the other end", async () => {
    const [dialed, accepted] = await pair();
    const listener = net.createServer({ pauseOnConnect: true }).listen(0, "127.0.0.1");
    await once(listener, "listening");
    const answer = read((listener.address() as net.AddressInfo).port);
    const [socket] = (await once(listener, "connection")) as [net.Socket];
    const { _handle: handle } = socket as unknown as { _handle: Handle };
    expect(await dialed.send("pass", handle)).toBeNull();
    socket.destroy();
    const [got] = accepted.heard;
    new net.Socket({ handle: got?.handle } as never).end("from there");
    expect(await answer).toBe("from there");
    await new Promise((resolve) => listener.close(resolve));
    await close(dialed, accepted);
  });

  it("come with their own message, in order, among big ones", async () => {
    const [dialed, accepted] = await pair();
    const [given, sent]: [number[], Promise<unknown>[]] = [[], []];
    for (let n = 0; n < 30; n++) {
      for (const from of [dialed, accepted]) {
        const handle = bound();
        given.push(portOf(handle));
        from.pipe.send({ n, plain: true, filler: "x".repeat((n % 5) * 60_000) });
        const message = { n, port: portOf(handle), filler: "y".repeat((n % 3) * 90_000) };
        sent.push(from.send(message, handle).then((error) => [error, handle.close()]));
      }
    }
    await Promise.all(sent);
    await until(() => dialed.heard.length + accepted.heard.length === 120, { what: "all of it" });
    for (const { heard } of [dialed, accepted]) {
      const said = heard.map(({ message }) => message as { n: number; port?: number });
      expect(said.map(({ n }) => n)).toEqual(Array.from({ length: 60 }, (_, at) => at >> 1));
      for (const [at, { handle }] of heard.entries()) {
        expect(handle ? portOf(handle) : undefined).toBe(said[at]?.port);
        handle?.close();
      }
    }
    expect(new Set(given).size).toBe(60);
    await close(dialed, accepted);
  });

  it("that are sent when the peer ends come to nothing, with an error each", async () => {
    const [dialed, accepted] = await pair();
    const handles = [bound(), bound(), bound()];
    const outcomes = handles.map((handle) => dialed.send("take this", handle));
    const plain = dialed.send("and this");
    accepted.pipe.destroy();
    for (const outcome of [...outcomes, plain]) expect(await outcome).toBeInstanceOf(Error);
    for (const handle of handles) handle.close();
    expect(await dialed.send("too late")).toBeInstanceOf(Error);
    await close(dialed, accepted);
    for (const { handle } of accepted.heard) handle?.close();
  });

  it("that nobody can send are an error, and what waits behind them goes on", async () => {
    const [dialed, accepted] = await pair();
    const [first, closed] = [bound(), bound()];
    const outcomes = [dialed.send(1, first), dialed.send(2, closed), dialed.send(3)];
    closed.close();
    expect(await Promise.all(outcomes)).toMatchObject([null, { message: /not reached/ }, null]);
    await until(() => accepted.heard.length === 2, { what: "the others" });
    expect(accepted.messages).toEqual([1, 3]);
    for (const { handle } of accepted.heard) handle?.close();
    first.close();
    await close(dialed, accepted);
  });
});

describe("a peer that cannot be trusted", () => {
  it("is told of by its faults, and what it says right is heard", async () => {
    const [peer, accepted] = await raw();
    peer.write('no line\n[]\n7\n{"x":1}\n\n{"m":"right"}\n{"a":1}\n{"h":1,"m":"nothing came"}\n');
    await until(() => accepted.heard.length > 0, { what: "the message" });
    expect(accepted.messages).toEqual(["right"]);
    expect(accepted.faults).toEqual(Array(5).fill("malformed"));
    const [answer] = (await once(peer, "data")) as [Buffer];
    expect(String(answer)).toBe('{"a":0}\n');
    peer.destroy();
    await until(() => accepted.closed === 1, { what: "its end" });
  });

  it("may write no line for ever", async () => {
    const [peer, accepted] = await raw();
    peer.write("x".repeat(LONGEST_MESSAGE_BYTES + 1));
    await until(() => accepted.faults.length > 0, { what: "the fault" });
    peer.write('x\n{"m":1}\n');
    await until(() => accepted.heard.length > 0, { what: "the message" });
    expect([accepted.faults, accepted.messages]).toEqual([["too-long"], [1]]);
    peer.destroy();
    await until(() => accepted.closed === 1, { what: "its end" });
  });
});

describe("a peer in another process", () => {
  let child: ChildProcess;
  const orders = (order: object): void => void child.stdin?.write(`${JSON.stringify(order)}\n`);

  async function started(): Promise<End> {
    child = spawn(process.execPath, [fixture("dials.mjs")], { stdio: ["pipe", "pipe", "inherit"] });
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    await once(lines, "line");
    const accepted = new End();
    onSocket = (socket) => {
      accepted.pipe = acceptIpcPipe(socket, accepted.events);
    };
    orders({ order: "dial", path, hello: { t: "hello" } });
    await until(() => accepted.heard.length === 1, { what: "its hello" });
    return accepted;
  }

  it("that is killed closes the pipe once, after what it said last", async () => {
    const accepted = await started();
    orders({ order: "say", link: 0, message: "the last word" });
    await until(() => accepted.heard.length === 2, { what: "the last word" });
    const handle = bound();
    process.kill(Number(child.pid), "SIGSTOP");
    const lost = accepted.send("never", handle);
    process.kill(Number(child.pid), "SIGKILL");
    expect(await lost).toBeInstanceOf(Error);
    handle.close();
    await until(() => accepted.closed === 1, { what: "the end" });
    expect(accepted.pipe.isOpen).toBe(false);
    accepted.pipe.destroy();
    expect(accepted.closed).toBe(1);
  });

  it("that is stopped is congested, until it goes on", async () => {
    const accepted = await started();
    process.kill(Number(child.pid), "SIGSTOP");
    while (!accepted.pipe.isCongested()) accepted.pipe.send("x".repeat(10_000));
    process.kill(Number(child.pid), "SIGCONT");
    await until(() => !accepted.pipe.isCongested(), { what: "the peer to have read" });
    // Behind a handle that is not acknowledged, too, few messages are many.
    process.kill(Number(child.pid), "SIGSTOP");
    const handle = bound();
    const sent = accepted.send("a handle", handle);
    while (!accepted.pipe.isCongested()) accepted.pipe.send(0);
    process.kill(Number(child.pid), "SIGCONT");
    expect(await sent).toBeNull();
    handle.close();
    expect(accepted.pipe.isCongested()).toBe(false);
    child.kill("SIGKILL");
    await until(() => accepted.closed === 1, { what: "the end" });
  });
});

describe("the connection", () => {
  it("ends for both when one destroys it, and what was sent before is heard", async () => {
    const [dialed, accepted] = await pair();
    dialed.pipe.send("the last word");
    dialed.pipe.destroy();
    await until(() => accepted.closed === 1 && dialed.closed === 1, { what: "the end" });
    expect(accepted.messages).toEqual(["the last word"]);
    expect([dialed.pipe.isOpen, accepted.pipe.isOpen]).toEqual([false, false]);
  });

  it("that cannot be made is closed, once", async () => {
    const end = new End();
    end.pipe = dialIpcPipe(join(folder, "nobody"), end.events);
    expect(await end.send("early")).toBeInstanceOf(Error);
    await until(() => end.closed === 1, { what: "the end" });
    end.pipe.destroy();
    expect([end.connected, end.closed, end.pipe.isOpen]).toEqual([0, 1, false]);
  });

  it("may be given up while it is being made", async () => {
    onSocket = (socket) => socket.destroy();
    const end = new End();
    end.pipe = dialIpcPipe(path, end.events);
    end.pipe.destroy();
    await until(() => end.closed === 1, { what: "the end" });
    expect(end.connected).toBe(0);
  });

  it("leaves no descriptor behind, with handles or without", async () => {
    const [first, second] = await pair();
    await close(first, second);
    const before = descriptors();
    for (let n = 0; n < 200; n++) {
      const [dialed, accepted] = await pair();
      const handle = bound();
      expect(await dialed.send(n, handle)).toBeNull();
      handle.close();
      for (const { handle: got } of accepted.heard) got?.close();
      await close(...(n % 2 ? [dialed, accepted] : [accepted, dialed]));
    }
    await until(() => descriptors() <= before, { what: "descriptors to be closed" });
  });

  it("keeps no process that does not want to be kept, at either end", async () => {
    const script = `
      import net from "node:net";
      const { acceptIpcPipe, dialIpcPipe } = await import(process.argv[1]);
      const events = { message() {}, closed: () => console.log("closed") };
      const server = net.createServer({ pauseOnConnect: true }, (socket) => {
        acceptIpcPipe(socket, events).unref();
        server.close(() => console.log("nobody waits"));
      });
      server.listen(process.argv[2], () => {
        const connected = () => pipe.unref();
        const pipe = dialIpcPipe(process.argv[2], { ...events, connected });
      });`;
    const dist = new URL("../../dist/src/link/ipc-pipe.js", import.meta.url).href;
    const args = ["--input-type=module", "-e", script, dist, join(folder, "own")];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    child.stdout.setEncoding("utf8").on("data", (text) => (said += text));
    const [code] = await once(child, "close");
    expect([code, said]).toEqual([0, "nobody waits\n"]);
  });
});

/** All that a server says on a fresh connection. */
async function read(port: number): Promise<string> {
  let text = "";
  for await (const piece of net.connect(port, "127.0.0.1").setEncoding("utf8")) text += piece;
  return text;
}
