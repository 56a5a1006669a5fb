/** What connections from other machines cost: few at a time, those of one identity, and those over which nothing goes. */

import { once } from "node:events";
import net from "node:net";
import { connect, type TLSSocket } from "node:tls";
import { describe, expect, it, vi } from "vitest";
import { readBus } from "../../src/config/bus.ts";
import { BusCounts } from "../../src/core/bus/counts.ts";
import { BUS, bareFrame, creditOf, encodeBusFrame } from "../../src/link/bus-frames.ts";
import { Client, type ClientPort } from "../../src/supervisor/bus/client.ts";
import { credentialsOf } from "../../src/supervisor/bus/credentials.ts";
import { Door, networkOf } from "../../src/supervisor/bus/door.ts";
import {
  Listener,
  type ListenerLimits,
  type ListenerPort,
} from "../../src/supervisor/bus/listener.ts";
import { until } from "../support/until.ts";
import { ALL, byKey, KEY, remoteStages } from "./bus-remote-stage.ts";

const stage = remoteStages();
const key = KEY.toString("hex");

/** A listener alone, whose clients are heard by nobody. */
async function listening(limits: Partial<ListenerLimits> = {}, rate = {}) {
  const read = readBus({ listen: 0, rate, psk: { edge: { key }, other: { key } } });
  if (!read.ok || read.value === null) throw new Error("it cannot be read");
  const counts = new BusCounts();
  const nothing = (): void => {};
  const sync: number[] = [];
  const frame: ClientPort["frame"] = (_client, { id }) => void sync.push(id);
  const ears = { counts, frame, worked: nothing, credit: nothing, closed: nothing };
  const refused: string[] = [];
  const clients: Client[] = [];
  const port: ListenerPort = {
    connected: (socket, guest) => {
      const client = new Client(socket, ears, guest);
      clients.push(client);
      return client;
    },
    authFailed: () => refused.push("one"),
    fault: nothing,
  };
  const all = {
    ...{ door: { most: 256, mostOfAddress: 64 }, mostOfIdentity: 1000, mostUnreadBytes: 1e9 },
    ...limits,
  };
  const listener = await Listener.open(read.value, credentialsOf(read.value, {}), port, all);
  const at = Number(listener.address.split(":").at(-1));
  const come = async (identity: string) => {
    const socket = connect({ host: "127.0.0.1", port: at, ...byKey(identity) });
    await once(socket, "secureConnect");
    return socket.on("error", () => {}).resume();
  };
  return { listener, refused, come, sync, clients };
}

describe("one identity", () => {
  it("has so many connections at most, and a place is free again with the end of one", async () => {
    const limits = { door: { most: 100, mostOfAddress: 100 }, mostOfIdentity: 3 };
    const { listener, refused, come } = await listening(limits);
    const first = await Promise.all(["edge", "edge", "edge"].map(come));
    await once(await come("edge"), "close");
    expect(refused).toHaveLength(1);
    const other = await come("other");
    first[0]?.destroy();
    const late: TLSSocket[] = [];
    await until(
      async () => {
        const socket = await come("edge");
        late.push(socket);
        // Who is refused is told so at once.
        const told = once(socket, "data", { signal: AbortSignal.timeout(300) });
        return told.then(
          () => false,
          () => true,
        );
      },
      { what: "a free place" },
    );
    await listener.close();
    const all = [...first, other, ...late];
    await until(() => all.every(({ closed }) => closed), { what: "the end of all" });
  });
});

describe("a connection over which nothing goes", () => {
  it("is closed after a minute, and one that says something is not", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
    try {
      const { listener, come, sync } = await listening();
      const [silent, heard] = [await come("edge"), await come("edge")];
      vi.advanceTimersByTime(45_000);
      // Any frame will do.
      heard.write(encodeBusFrame(bareFrame(BUS.sync, 1)));
      await until(() => sync.length === 1, { what: "the frame" });
      expect(silent.closed).toBe(false);
      vi.advanceTimersByTime(30_000);
      await once(silent, "close");
      expect(heard.closed).toBe(false);
      vi.advanceTimersByTime(60_000);
      await once(heard, "close");
      await listener.close();
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("a connection that is not read from, as its rate is exceeded", () => {
  it("hears every 5 s that somebody is there", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
    try {
      const { listener, come, sync } = await listening({}, { perSecond: 100, burst: 1 });
      const one = await come("edge");
      const heard: Buffer[] = [];
      one.on("data", (chunk) => heard.push(chunk));
      vi.advanceTimersByTime(5000);
      const frame = encodeBusFrame(bareFrame(BUS.sync, 1));
      one.write(Buffer.concat(new Array<Buffer>(700).fill(frame)));
      await until(() => sync.length === 700, { what: "the frames" });
      expect(heard).toEqual([]);
      for (const times of [1, 2]) {
        vi.advanceTimersByTime(1000 * 5);
        const all = Buffer.concat(new Array<Buffer>(times).fill(encodeBusFrame(creditOf(0))));
        await until(() => Buffer.concat(heard).equals(all), { what: "credit for nothing" });
      }
      one.destroy();
      await listener.close();
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("connections that do not read", () => {
  it("are left when much waits for all of them, the one that leaves most unread first", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
    try {
      const { listener, come, clients } = await listening({ mostUnreadBytes: 5_000_000 });
      const sockets = [await come("edge"), await come("edge"), await come("edge")];
      for (const socket of sockets) socket.pause();
      // More than what the system takes for both ends, and less than each may leave unread.
      const much = { ...bareFrame(BUS.reply, 1), body: Buffer.alloc(1_000_000) };
      for (const [index, times] of [9, 13, 1].entries()) {
        for (let n = 0; n < times; n += 1) clients[index]?.link.send(much);
      }
      const unread = (): number[] => clients.map(({ link }) => link.unsentBytes);
      await until(() => unread()[0] !== 9_000_180, { what: "what the system takes" });
      const bytes = unread();
      expect(bytes[1]).toBeGreaterThan(5_000_000);
      vi.advanceTimersByTime(5000);
      await until(() => unread()[1] === 0, { what: "the end of the slowest" });
      const rest = (bytes[0] ?? 0) + (bytes[2] ?? 0);
      expect((unread()[0] ?? 0) > 0).toBe(rest <= 5_000_000);
      sockets[2]?.resume();
      await until(() => unread()[2] === 0, { what: "the last to read" });
      expect(sockets[2]?.closed).toBe(false);
      for (const socket of sockets) socket.destroy();
      await listener.close();
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("a door", () => {
  // skip: only Linux has all of 127.0.0.0/8 without being told to
  it.skipIf(process.platform !== "linux")(
    "has room again when those have left who came to two addresses from one port",
    async () => {
      const door = new Door({ most: 10, mostOfAddress: 2 });
      const entered: boolean[] = [];
      const server = net.createServer((socket) => {
        socket.on("error", () => {}).resume();
        entered.push(door.enter(socket));
      });
      server.listen(0, "0.0.0.0");
      await once(server, "listening");
      const { port } = server.address() as net.AddressInfo;
      const come = (host: string, localPort = 0) =>
        net.connect({ host, port, localAddress: "127.0.0.1", localPort }).on("error", () => {});
      const first = come("127.0.0.1");
      await until(() => entered.length === 1, { what: "the first" });
      const twin = come("127.0.0.2", first.localPort);
      await until(() => entered.length === 2, { what: "its twin" });
      first.destroy();
      twin.destroy();
      await until(
        async () => {
          const connections = await new Promise((resolve) =>
            server.getConnections((_error, count) => resolve(count)),
          );
          return connections === 0;
        },
        { what: "their end" },
      );
      const others = [come("127.0.0.1"), come("127.0.0.1"), come("127.0.0.1")];
      await until(() => entered.length === 5, { what: "the others" });
      expect(entered).toEqual([true, true, true, true, false]);
      for (const socket of others) socket.destroy();
      server.close();
    },
  );

  it("counts a network of IPv6 as one address: a machine has all of it", () => {
    expect(networkOf("10.0.0.1")).toBe("10.0.0.1");
    expect(networkOf("2001:db8:1:2:3:4:5:6")).toBe("2001:db8:1:2::/64");
    expect(networkOf("2001:db8:1:2::9")).toBe(networkOf("2001:db8:1:2:3:4:5:6"));
    expect(networkOf("2001:db8::9")).toBe("2001:db8:0:0::/64");
    expect(networkOf("2001:db8::1:2:3:4:5")).toBe("2001:db8:0:1::/64");
    expect(networkOf("::1")).toBe("0:0:0:0::/64");
    expect(networkOf("fe80::1%eth0")).toBe("fe80:0:0:0::/64");
  });
});

describe("a crowd at the door", () => {
  // skip: only Linux has all of 127.0.0.0/8 without being told to
  it.skipIf(process.platform !== "linux")("is 256 at most of all addresses together", async () => {
    const { listener, come } = await listening();
    const at = Number(listener.address.split(":").at(-1));
    const sockets = [1, 2, 3, 4, 5].flatMap((n) =>
      Array.from({ length: 60 }, () =>
        net.connect({ host: "127.0.0.1", port: at, localAddress: `127.0.0.${n}` }),
      ),
    );
    for (const socket of sockets) socket.on("error", () => {}).resume();
    const left = (): number => sockets.filter(({ closed }) => closed).length;
    await until(() => left() === 44, { what: "the end of those beyond" });
    // Nobody gets in now, until the others have had their time.
    await expect(come("edge")).rejects.toThrow();
    expect(left()).toBe(44);
    for (const socket of sockets) socket.destroy();
    await listener.close();
  });

  it("costs little: those beyond a few are closed, and told of once with their number", async () => {
    const { port, fault, faults, local, client } = await stage({ psk: { edge: { key, ...ALL } } });
    const sockets: net.Socket[] = [];
    const before = process.memoryUsage.rss();
    let ended = 0;
    for (let n = 0; n < 10_000; n += 1) {
      const socket = net.connect(port, "127.0.0.1");
      socket.on("error", () => {}).resume();
      socket.on("close", () => {
        ended += 1;
      });
      sockets.push(socket);
      if (n % 50 < 49) continue;
      // More at once the kernel drops, without a word to those who came.
      await until(() => sockets.every(({ connecting }) => !connecting), { what: "connections" });
      await local.sync();
    }
    await until(() => ended >= 10_000 - 64, { what: "the end of all but 64" });
    expect(ended).toBeLessThanOrEqual(10_000);
    expect(process.memoryUsage.rss() - before).toBeLessThan(150 * 1024 * 1024);
    const told = await fault("HF_BUS_REMOTE_CROWDED");
    expect(told.message).toMatch(/closed \d+ connections .* the last from 127\.0\.0\.1/);
    expect(faults).toHaveLength(1);
    // Who waits there has 5 s.
    await until(() => ended === 10_000, { what: "the end of all" });
    await (await client(byKey("edge"))).sync();
    for (const socket of sockets) socket.destroy();
  }, 60_000);

  it("is also who has proved itself, and then says nothing", async () => {
    const { socket, client } = await stage({ psk: { edge: { key, ...ALL } } });
    const silent = Array.from({ length: 64 }, () => socket(byKey("edge")));
    await Promise.all(silent.map((each) => once(each, "secureConnect")));
    const late = socket(byKey("edge"));
    await once(late, "error");
    await Promise.all(silent.map((each) => once(each.resume(), "close")));
    await (await client(byKey("edge"))).sync();
  });

  it("is not who has said hello", async () => {
    const { client } = await stage({ psk: { edge: { key, ...ALL } } });
    const clients = await Promise.all(Array.from({ length: 60 }, () => client(byKey("edge"))));
    clients.push(...(await Promise.all(Array.from({ length: 60 }, () => client(byKey("edge"))))));
    await Promise.all(clients.map((each) => each.sync()));
  });
});
