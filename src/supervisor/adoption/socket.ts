/** The socket workers dial: in the home, for its owner alone, and made again when somebody has deleted it. */

import { existsSync } from "node:fs";
import net from "node:net";
import type { Logger } from "../../logs/log.ts";
import { withUnixPath } from "../../system/unix-path.ts";
import { listenForOwner, removePath } from "../socket-path.ts";

/** As often as the home itself is looked after. */
const EVERY_MS = 1000;

export interface AdoptionSocket {
  /** Takes no more connections and removes the file. Those that are there stay. */
  close(): Promise<void>;
}

/**
 * Listens at `path`; a stale file there is removed first. `connected` gets connections of which nothing has been
 * read; `looked` is called once a second. Throws what the system says.
 */
export async function openSocket(
  path: string,
  log: Logger,
  { connected, looked }: { connected(socket: net.Socket): void; looked(): void },
): Promise<AdoptionSocket> {
  // The home is claimed: who still answers here is at its end, and workers wait.
  removePath(path);
  const server = net.createServer({ pauseOnConnect: true }, connected);
  const listen = (): Promise<void> => withUnixPath(path, (short) => listenForOwner(server, short));
  await listen();
  server.on("error", (error) => log.error(`a worker could not be let in: ${error.message}`));
  let fault = "";
  const mend = async (): Promise<void> => {
    try {
      // The old one first: libuv deletes the file of a socket that it closes.
      server.close();
      await listen();
      log.warn({ path }, "the socket workers come back to was deleted; it is there again");
      fault = "";
    } catch (error) {
      const { message } = error as Error;
      if (message !== fault) log.error({ path }, `workers could not come back: ${message}`);
      fault = message;
    }
  };
  let underWay: Promise<void> | null = null;
  const look = (): void => {
    looked();
    if (underWay || existsSync(path)) return;
    underWay = mend().finally(() => {
      underWay = null;
    });
  };
  const timer = setInterval(look, EVERY_MS).unref();
  return {
    async close() {
      clearInterval(timer);
      await underWay;
      // Its callback would wait for every connection there ever was: none of them ends as a socket.
      server.close();
      removePath(path);
    },
  };
}
