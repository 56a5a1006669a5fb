/** The supervisor's admin server: there while it should be, tried again while it cannot be. */

import { type AdminServer, serveAdmin } from "../admin/server.ts";
import { tokenOf } from "../admin/token.ts";
import { type AdminOptions, addressText } from "../config/admin.ts";
import type { MinReady } from "../config/app.ts";
import { readinessOf, type SupervisorReadiness } from "../core/readiness.ts";
import type { AppStatus } from "../core/snapshot.ts";
import { HoldfastError } from "../errors.ts";
import { statusOf } from "./app-control.ts";
import type { AppRunner } from "./app-runner.ts";
import type { SupervisorEvents } from "./events.ts";

/** One app as the admin server needs to know it. */
export interface AdminApp {
  readonly status: AppStatus;
  readonly minReady: MinReady;
  readonly autostart: boolean;
  /** Why it cannot run at all, where it cannot. */
  readonly fatal: string | null;
}

export interface AdminFacts {
  apps(): readonly AdminApp[];
  metrics(accept: string | undefined): Promise<{ contentType: string; body: string }>;
  emit<Name extends "admin:listening" | "admin:fault">(
    name: Name,
    ...args: SupervisorEvents[Name]
  ): unknown;
}

const RETRY_MS = 5000;

export class Admin {
  readonly #facts: AdminFacts;
  #options: AdminOptions | null = null;
  #token: string | null = null;
  #isOpen = false;
  #stopping = false;
  #server: AdminServer | null = null;
  #fault: HoldfastError | null = null;
  #retry: NodeJS.Timeout | undefined;
  #turn: Promise<void> = Promise.resolve();
  #isMeant: (app: string) => boolean = () => true;

  constructor(facts: AdminFacts) {
    this.#facts = facts;
  }

  get options(): AdminOptions | null {
    return this.#options;
  }

  /** Where it listens; null where it does not. */
  get address(): string | null {
    return this.#server?.address ?? null;
  }

  /** Why it does not listen although it should. */
  get fault(): HoldfastError | null {
    return this.#fault;
  }

  /** Of other apps it is not expected that they run. Default: all but those with `autostart: false`. */
  expect(isMeant: (app: string) => boolean): void {
    this.#isMeant = isMeant;
  }

  /**
   * Takes other options, null for none; where it is open it listens anew, and apps notice nothing. A token
   * file is read again. Throws HF_ADMIN_UNPROTECTED or HF_ADMIN_TOKEN_INVALID, and has changed nothing then.
   * Resolves also where it cannot listen, see `fault`, or is not open yet.
   */
  configure(options: AdminOptions | null): Promise<void> {
    const token = options && tokenOf(options, process.env);
    const isMoved = !isSamePlace(this.#options, options);
    this.#options = options;
    this.#token = token;
    this.#server?.setToken(token);
    if (!this.#isOpen) return Promise.resolve();
    return this.#inTurn(async () => {
      if (isMoved) await this.#leave();
      await this.#listen();
    });
  }

  /** Listens, where it is to. Never rejects: what keeps it from it is told by `admin:fault`. */
  open(): Promise<void> {
    this.#isOpen = true;
    this.#stopping = false;
    return this.#inTurn(() => this.#listen());
  }

  /** From now on not ready, whatever the apps are. */
  stopping(): void {
    this.#stopping = true;
  }

  close(): Promise<void> {
    this.#isOpen = false;
    return this.#inTurn(() => this.#leave());
  }

  /** What a scrape gets that accepts this. */
  metrics(accept: string | undefined): Promise<{ contentType: string; body: string }> {
    return this.#facts.metrics(accept);
  }

  readiness(): SupervisorReadiness {
    const candidates = this.#facts.apps().map(({ status, minReady, autostart, fatal }) => ({
      ...{ name: status.name, status: status.status, slots: status.slots, minReady, fatal },
      isWanted: this.#isMeant(status.name) && (autostart || status.status !== "idle"),
    }));
    return readinessOf(candidates, this.#stopping);
  }

  async #listen(): Promise<void> {
    clearTimeout(this.#retry);
    const options = this.#options;
    if (!this.#isOpen || options === null || this.#server) return;
    try {
      this.#server = await serveAdmin(options.listen, this.#token, {
        metrics: (accept) => this.#facts.metrics(accept),
        readiness: () => this.readiness(),
        fault: (error) => this.#tell(error),
      });
      this.#fault = null;
      this.#facts.emit("admin:listening", { address: this.#server.address });
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      // Told once, not at each try.
      if (this.#fault?.message !== error.message) this.#tell(error);
      this.#fault = error;
      this.#retry = setTimeout(() => void this.#inTurn(() => this.#listen()), RETRY_MS).unref();
    }
  }

  async #leave(): Promise<void> {
    clearTimeout(this.#retry);
    const server = this.#server;
    this.#server = null;
    this.#fault = null;
    await server?.close();
  }

  #tell(error: unknown): void {
    this.#facts.emit("admin:fault", { error });
  }

  /** One after the other: a port is free again before it is listened on again. */
  #inTurn(act: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(act);
    // Whoever asked hears of a failure; the next one has nothing to do with it.
    this.#turn = done.catch(() => {});
    return done;
  }
}

/** A supervisor's admin server, which is opened and closed with it. Throws as `configure` does. */
export function adminOf(
  supervisor: Pick<AdminFacts, "metrics" | "emit">,
  runners: () => readonly AppRunner[],
  options: AdminOptions | null,
): Admin {
  const admin = new Admin({
    apps: () => runners().map(adminApp),
    metrics: (accept) => supervisor.metrics(accept),
    emit: (name, ...args) => supervisor.emit(name, ...args),
  });
  if (options) void admin.configure(options);
  return admin;
}

function adminApp(runner: AppRunner): AdminApp {
  const { minReady, autostart } = runner.options;
  return { status: statusOf(runner), minReady, autostart, fatal: fatalOf(runner.fatal) };
}

/** By its code alone: whoever may ask whether an app is ready need not see paths and names of processes. */
function fatalOf(error: Error | null): string | null {
  if (error === null) return null;
  return `it cannot run${error instanceof HoldfastError ? ` (${error.code})` : ""}`;
}

function isSamePlace(left: AdminOptions | null, right: AdminOptions | null): boolean {
  if (left === null || right === null) return left === right;
  return addressText(left.listen) === addressText(right.listen);
}
