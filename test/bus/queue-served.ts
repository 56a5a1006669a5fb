/** What the tests of durable queues share: a bus that keeps them in a folder of the test's own. */

import { mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { QueueSettings } from "../../src/supervisor/bus/queue-keeper.ts";
import { atEnd, type Served, serve } from "./served.ts";

/** Built with the package: a thread of Node loads no TypeScript. */
const PROGRAM = fileURLToPath(new URL("../../dist/queue-thread.cjs", import.meta.url));

export function queueFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "hf-queues-"));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function serveQueues(settings: Partial<QueueSettings> = {}): Served {
  return serve({ folder: queueFolder(), fsync: "os", program: PROGRAM, ...settings });
}

/** Between clients and a bus: it can be cut, and made deaf on one side. */
export interface Proxy {
  readonly path: string;
  /** What the bus says does not reach clients any more, until the next cut. */
  mute(): void;
  /** All connections end at once; others may be made. */
  cut(): void;
}

export async function proxyTo({ path: target }: Served): Promise<Proxy> {
  const path = join(queueFolder(), "proxy.sock");
  const pairs = new Set<readonly [net.Socket, net.Socket]>();
  let isMute = false;
  const server = net.createServer((near) => {
    const far = net.createConnection(target);
    const pair = [near, far] as const;
    pairs.add(pair);
    for (const socket of pair) {
      socket.on("error", () => {});
      socket.once("close", () => {
        pairs.delete(pair);
        for (const each of pair) each.destroy();
      });
    }
    near.on("data", (chunk) => far.write(chunk));
    far.on("data", (chunk) => {
      if (!isMute) near.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const cut = (): void => {
    isMute = false;
    for (const [near, far] of pairs) for (const socket of [near, far]) socket.destroy();
  };
  atEnd(() => {
    server.close();
    cut();
  });
  return {
    ...{ path, cut },
    mute() {
      isMute = true;
    },
  };
}
