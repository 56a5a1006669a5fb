/** What members hear of workers: that one starts, is ready, drains and is gone; and how it is with each slot now. */

import { FORMAT, packHead } from "../../link/bus-frames.ts";
import type { Emit, SupervisorEvents } from "../events.ts";
import { SUPERVISOR, senderOf } from "./client.ts";
import type { Parcel } from "./parcel.ts";
import { type KnownWorker, type Roster, stateOf } from "./roster.ts";
import type { Router } from "./router.ts";

export interface LifecyclePort {
  readonly roster: Roster;
  router(): Router;
  /** No app runs any more. */
  isOver(): boolean;
  over(): void;
}

type Event<Name extends keyof SupervisorEvents> = SupervisorEvents[Name][0];
type Ears = { readonly [Name in keyof SupervisorEvents]?: (event: Event<Name>) => void };
type State = "up" | "ready" | "draining" | "exit";

const FROM_SUPERVISOR = packHead({ from: senderOf(SUPERVISOR) });

export class Lifecycle {
  readonly #port: LifecyclePort;
  readonly #ears: Ears;
  /** The worker each slot's retained state is of. */
  readonly #newest = new Map<string, number>();

  constructor(port: LifecyclePort) {
    this.#port = port;
    this.#ears = {
      "worker:start": (event) => this.#tell(event, "up"),
      "worker:adopted": (event) => this.#adopted(event),
      "worker:ready": (event) => this.#turned(event, "ready"),
      "worker:drain": (event) => this.#turned(event, "draining", event.why),
      "worker:exit": (event) => {
        this.#port.roster.forget(event.worker);
        this.#tell(event, "exit", event.reason);
      },
      "worker:hung": ({ worker, replaced }) => this.#hung(worker, replaced),
      "worker:recovered": ({ worker }) => this.#hung(worker, false),
      "app:stopped": () => {
        if (!this.#port.isOver()) return;
        this.#newest.clear();
        this.#port.over();
      },
    };
  }

  readonly hear: Emit = (name, ...[event]) => {
    (this.#ears[name] as ((event: unknown) => void) | undefined)?.(event);
  };

  forget(app: string): void {
    const start = `sys.worker.${tokenOf(app)}.`;
    for (const subject of [...this.#newest.keys()]) {
      if (!subject.startsWith(start)) continue;
      this.#newest.delete(subject);
      this.#port.router().lastValues.delete(subject);
    }
  }

  /** How it is with its slot is known again. */
  #adopted(event: Event<"worker:adopted">): void {
    const state = this.#port.roster.find(event.worker)?.state;
    if (state === "ready" || state === "draining") this.#tell(event, state);
    else if (state === "starting") this.#tell(event, "up");
  }

  #turned(
    event: Event<"worker:ready" | "worker:drain">,
    state: "ready" | "draining",
    reason?: string,
  ): void {
    const known = this.#port.roster.find(event.worker);
    if (known) {
      known.state = state;
      this.#turn(known);
    }
    this.#tell(event, state, reason);
  }

  #hung(worker: number, isHung: boolean): void {
    const known = this.#port.roster.find(worker);
    if (!known) return;
    known.isHung = isHung;
    this.#turn(known);
  }

  #turn(known: KnownWorker): void {
    for (const client of known.clients) this.#port.router().turn(client, stateOf(known));
  }

  #tell(event: Event<"worker:start">, state: State, reason?: string): void {
    const { app, slot, worker, pid, generation } = event;
    const subject = `sys.worker.${tokenOf(app)}.${slot}`;
    const router = this.#port.router();
    const data = { app, slot, worker, pid, generation, state, ...(reason ? { reason } : {}) };
    const body = Buffer.from(JSON.stringify(data));
    router.publish(parcelOf(`${subject}.${state}`, body));
    // A worker that leaves says nothing of its slot once its successor is there.
    if (worker < (this.#newest.get(subject) ?? 0)) return;
    this.#newest.set(subject, worker);
    const present = parcelOf(subject, body);
    router.lastValues.set(present);
    router.publish(present);
  }
}

/** Names of apps may hold dots, which would be two tokens, and no colons. */
function tokenOf(app: string): string {
  return app.replaceAll(".", ":");
}

function parcelOf(subject: string, body: Buffer): Parcel {
  return { subject, format: FORMAT.json, head: FROM_SUPERVISOR, body, isOwned: true };
}
