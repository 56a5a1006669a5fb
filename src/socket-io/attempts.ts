/**
 * Clients on their way in with a session they had. One may give up and come again while its first attempt is still held up
 * by a middleware: both are the same session, with the same id. The last one that took it gets it.
 */

import type { Namespace, ServerSocket } from "./namespace.ts";
import type { Taken } from "./transfers.ts";

/** A session that was taken and whose client is not let in. */
const TAKEN_FOR_MS = 60_000;

export class Attempts {
  readonly #namespace: Namespace;
  readonly #leaveAll: (sid: string) => void;
  /** By their private ids: what was taken last, and the last that came, which may still wait for those before it. */
  readonly #taken = new Map<string, Taken>();
  readonly #last = new Map<string, Promise<void>>();
  readonly #isIn = new WeakSet<ServerSocket>();
  /** Another one has taken what they had taken. */
  readonly #followed = new WeakSet<ServerSocket>();
  #count = 0;

  constructor(namespace: Namespace, leaveAll: (sid: string) => void) {
    this.#namespace = namespace;
    this.#leaveAll = leaveAll;
  }

  /** One after the other, as only then it is known which of them took it last. */
  async begin(pid: string, take: () => Promise<Taken | null>): Promise<Taken | null> {
    const before = this.#last.get(pid);
    let end = (): void => {};
    const over = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#last.set(pid, over);
    await before;
    try {
      // Whom another one follows already, its client has given up.
      const taken = this.#last.get(pid) === over ? await take() : null;
      if (taken) this.#keep(pid, taken);
      return taken;
    } finally {
      // By then Socket.IO has made a socket of it.
      setImmediate(() => {
        if (this.#last.get(pid) === over) this.#last.delete(pid);
        end();
      });
    }
  }

  /** Socket.IO lets it in. Gives back what it comes with: the session it had, none, or one that is not its own any more. */
  end(socket: ServerSocket): Taken | "none" | "late" {
    if (this.#followed.has(socket)) return "late";
    // One that has left all its rooms joins some again.
    if (!socket.recovered || this.#isIn.has(socket)) return "none";
    this.#isIn.add(socket);
    const pid = socket.pid ?? "";
    const taken = this.#taken.get(pid);
    this.#taken.delete(pid);
    return taken?.isValid() ? taken : "late";
  }

  #keep(pid: string, taken: Taken): void {
    this.#giveUp(taken.session.sid);
    this.#taken.set(pid, taken);
    setTimeout(() => {
      if (this.#taken.get(pid) === taken) this.#taken.delete(pid);
    }, TAKEN_FOR_MS).unref();
  }

  #giveUp(sid: string): void {
    const socket = this.#namespace._preConnectSockets?.get(sid);
    if (!socket) return;
    this.#followed.add(socket);
    this.#leaveAll(sid);
    // What Socket.IO does at its end it does by its id, which is that of the other one now.
    this.#count += 1;
    Object.assign(socket, { id: `${sid}:${this.#count}` });
  }
}
