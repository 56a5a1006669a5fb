/**
 * Takes over workers that another supervisor started: they go on as they are, dial the home's adoption socket, and
 * are from then on what a child is, but for their end, whose cause only a parent is told.
 */

import type net from "node:net";
import { dirname } from "node:path";
import { ADOPTION_PROTOCOL, type AdoptionHello, type HomeSettings } from "../../link/adoption.ts";
import type { Logger } from "../../logs/log.ts";
import type { Owner } from "../peer-folder.ts";
import type { WorkerProcess } from "../processes.ts";
import { type AdoptedListener, AdoptedProcess } from "./adopted-process.ts";
import { hasToken, type WorkerIdentity } from "./identity.ts";
import { Passages } from "./passages.ts";
import { Reception, type Verdict } from "./reception.ts";
import { openSocket } from "./socket.ts";

/** So long a worker may take to dial, and to dial again when its link has broken. */
export const ADOPT_WITHIN_MS = 10_000;

export interface AdoptionSettings {
  /** Where the socket is to be. */
  readonly path: string;
  /** Of Holdfast; workers are told. */
  readonly version: string;
  readonly log: Logger;
  /** Default: `ADOPT_WITHIN_MS`. */
  readonly withinMs?: number;
}

export interface Adoption {
  /** The socket in the home. */
  readonly path: string;
  /** Where a worker of this owner is to come back; null: it cannot, and ends with this supervisor. */
  placeFor(owner: Owner): Pick<HomeSettings, "socket" | "keeper"> | null;
  /** Listens also where a worker of another owner was told to come back, if that place is still ours. */
  reopen(socket: string, owner: Owner): void;
  /**
   * A worker another supervisor started: the process, spoken to once it has dialed. When it has not within
   * ADOPT_WITHIN_MS it is killed and `exited` follows; when it is gone already, `exited` follows on the next turn.
   */
  adopt(identity: WorkerIdentity, listener: AdoptedListener): WorkerProcess;
  /** Everybody who is to be adopted has been: who else comes back is refused, and ends. Before, they wait. */
  complete(): void;
  /** Lets go of every worker, hurting none, and removes the socket: they look for the next supervisor. */
  close(): Promise<void>;
}

/** Listens for workers that come back. Throws what the system says where the socket cannot be made. */
export async function openAdoption(settings: AdoptionSettings): Promise<Adoption> {
  const { path, version, log, withinMs = ADOPT_WITHIN_MS } = settings;
  const known = new Map<number, AdoptedProcess>();
  let isComplete = false;
  const reception = new Reception({
    ...{ version, log },
    judge: (hello) => judge(known, hello) ?? (isComplete ? { refused: "nobody knows it" } : null),
  });
  const connected = (connection: net.Socket): void => reception.receive(connection);
  const passages = new Passages({ home: dirname(path), log, connected });
  const socket = await openSocket(path, log, {
    connected,
    looked() {
      passages.look();
      for (const process of [...known.values()]) process.look();
    },
  });
  return {
    path,
    placeFor: (owner) => placeFor(owner, path, passages),
    reopen: (at, owner) => passages.reopen(at, owner),
    adopt(identity, listener) {
      const over = (): void => {
        if (known.get(identity.worker) === process) known.delete(identity.worker);
      };
      const process = new AdoptedProcess(identity, listener, { log, withinMs, over });
      known.set(identity.worker, process);
      process.expect();
      // It may have dialed before the supervisor knew of it; the caller has what it is given by then.
      setImmediate(() => reception.look());
      return process;
    },
    complete() {
      isComplete = true;
      reception.look();
    },
    async close() {
      // Who comes now is not for us to refuse.
      isComplete = false;
      reception.close();
      for (const process of known.values()) process.abandon();
      known.clear();
      passages.close();
      await socket.close();
      // Those that came in meanwhile.
      reception.close();
    },
  };
}

function placeFor(
  owner: Owner,
  home: string,
  passages: Passages,
): Pick<HomeSettings, "socket" | "keeper"> | null {
  const own = process.getuid?.();
  if (owner.uid === null || own === undefined || owner.uid === own) return { socket: home };
  const socket = passages.pathFor(owner);
  return socket === null ? null : { socket, keeper: own };
}

function judge(known: ReadonlyMap<number, AdoptedProcess>, hello: AdoptionHello): Verdict {
  const found = known.get(hello.worker);
  if (!found || found.identity.app !== hello.app) return null;
  if (!hasToken(found.identity, hello.token)) return { refused: "its token is not the worker's" };
  if (hello.pid !== found.pid) return { refused: `the worker is process ${found.pid}` };
  if (hello.protocol === ADOPTION_PROTOCOL) return found;
  found.refuse();
  return { refused: `this supervisor speaks protocol ${ADOPTION_PROTOCOL}, not ${hello.protocol}` };
}
