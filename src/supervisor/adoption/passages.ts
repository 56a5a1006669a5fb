/** Where workers of other users come back to, who cannot enter the home: a socket for each, in a folder of its own. */

import { existsSync, lchownSync } from "node:fs";
import net from "node:net";
import { dirname, join } from "node:path";
import type { Logger } from "../../logs/log.ts";
import { isPassage, openPassage, passageAgain } from "../passage.ts";
import type { Owner, PeerFolder } from "../peer-folder.ts";
import { listenAtOnce, removePath } from "../socket-path.ts";

const NAME = "adopt.sock";

export interface PassagesPort {
  readonly home: string;
  readonly log: Logger;
  /** A connection of which nothing has been read. */
  connected(socket: net.Socket): void;
}

interface Entrance {
  readonly path: string;
  readonly owner: Owner;
  readonly folder: PeerFolder;
  server: net.Server;
}

export class Passages {
  readonly #port: PassagesPort;
  readonly #entrances = new Map<string, Entrance>();
  #fault = "";

  constructor(port: PassagesPort) {
    this.#port = port;
  }

  /** Of the owner's socket, opened where it is not. Null where it cannot be, which is logged. */
  pathFor(owner: Owner): string | null {
    for (const { path, owner: other } of this.#entrances.values()) {
      if (other.uid === owner.uid && other.gid === owner.gid && isThere(path)) return path;
    }
    return this.#open(() => openPassage(this.#port.home), owner);
  }

  /** At a path that workers of before know, if its folder is ours; where it is not is logged. */
  reopen(path: string, owner: Owner): void {
    if (this.#entrances.has(path)) return;
    this.#open(() => passageAgain(dirname(path), this.#port.home), owner);
  }

  /** Makes again what somebody has deleted. */
  look(): void {
    for (const { path, owner, server } of [...this.#entrances.values()]) {
      if (isThere(path)) continue;
      // The old one first: libuv deletes the file of a socket that it closes.
      server.close();
      const again = this.#open(() => passageAgain(dirname(path), this.#port.home), owner);
      if (again) this.#port.log.warn({ path }, "a deleted socket for workers is there again");
    }
  }

  close(): void {
    for (const { path, server, folder } of this.#entrances.values()) {
      server.close();
      removePath(path);
      folder.remove();
    }
    this.#entrances.clear();
  }

  #open(make: () => PeerFolder, owner: Owner): string | null {
    try {
      const folder = make();
      const path = join(folder.path, NAME);
      try {
        const server = this.#listen(path, owner);
        this.#entrances.set(path, { path, owner, folder, server });
      } catch (error) {
        folder.remove();
        throw error;
      }
      this.#fault = "";
      return path;
    } catch (error) {
      const { message } = error as Error;
      const { uid } = owner;
      if (message !== this.#fault) {
        this.#port.log.error({ uid }, `workers of another user could not come back: ${message}`);
      }
      this.#fault = message;
      return null;
    }
  }

  #listen(path: string, { uid, gid }: Owner): net.Server {
    const { log, connected } = this.#port;
    const server = net.createServer({ pauseOnConnect: true }, connected);
    server.on("error", (error) => log.error(`a worker could not be let in: ${error.message}`));
    removePath(path);
    listenAtOnce(server, path);
    if (!server.listening) throw new Error(`${path} cannot be listened on`);
    try {
      lchownSync(path, uid ?? -1, gid ?? -1);
    } catch (error) {
      server.close();
      throw error;
    }
    return server.unref();
  }
}

/** Somebody else may have made the folder again. */
function isThere(path: string): boolean {
  return existsSync(path) && isPassage(dirname(path));
}
