/** The bus for other machines: there while it should be, tried again while it cannot be. */

import type { BusOptions } from "../../config/bus.ts";
import { HoldfastError } from "../../errors.ts";
import { type Credentials, credentialsOf } from "./credentials.ts";
import { Listener, type ListenerPort } from "./listener.ts";

const RETRY_MS = 5000;

export interface RemotePort extends ListenerPort {
  /** It listens there. */
  listening(address: string): void;
}

interface Wanted {
  readonly options: BusOptions;
  readonly credentials: Credentials;
}

export class Remote {
  readonly #port: RemotePort;
  #wanted: Wanted | null = null;
  #isOpen = false;
  #listener: Listener | null = null;
  #fault: HoldfastError | null = null;
  #retry: NodeJS.Timeout | undefined;
  #turn: Promise<void> = Promise.resolve();

  constructor(port: RemotePort) {
    this.#port = port;
  }

  get options(): BusOptions | null {
    return this.#wanted?.options ?? null;
  }

  /** Where it listens, such as `10.0.0.1:7420`; null where it does not. */
  get address(): string | null {
    return this.#listener?.address ?? null;
  }

  /** Why it does not listen although it should. */
  get fault(): HoldfastError | null {
    return this.#fault;
  }

  /**
   * Takes other options, null for none, and reads keys and certificates again. Where any of it is new, who came by
   * it is let go, to come again by the new ones. Throws HF_BUS_REMOTE_INVALID, and has changed nothing then.
   * Resolves also where it cannot listen, see `fault`, or is not open yet.
   */
  configure(options: BusOptions | null): Promise<void> {
    const wanted = options && { options, credentials: credentialsOf(options, process.env) };
    const isSame = wanted?.credentials.fingerprint === this.#wanted?.credentials.fingerprint;
    this.#wanted = wanted;
    if (!this.#isOpen) return Promise.resolve();
    return this.#inTurn(async () => {
      if (!isSame) await this.#leave();
      await this.#listen();
    });
  }

  /** Listens, where it is to. Never rejects: what keeps it from it is told as a fault. */
  open(): Promise<void> {
    this.#isOpen = true;
    return this.#inTurn(() => this.#listen());
  }

  close(): Promise<void> {
    this.#isOpen = false;
    return this.#inTurn(() => this.#leave());
  }

  async #listen(): Promise<void> {
    clearTimeout(this.#retry);
    const wanted = this.#wanted;
    if (!this.#isOpen || wanted === null || this.#listener) return;
    try {
      this.#listener = await Listener.open(wanted.options, wanted.credentials, this.#port);
      this.#fault = null;
      this.#port.listening(this.#listener.address);
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      // Told once, not at each try.
      if (this.#fault?.message !== error.message) this.#port.fault(error);
      this.#fault = error;
      this.#retry = setTimeout(() => void this.#inTurn(() => this.#listen()), RETRY_MS).unref();
    }
  }

  async #leave(): Promise<void> {
    clearTimeout(this.#retry);
    const listener = this.#listener;
    this.#listener = null;
    this.#fault = null;
    await listener?.close();
  }

  /** One after the other: a port is free again before it is listened on again. */
  #inTurn(act: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(act);
    // Whoever asked hears of a failure; the next one has nothing to do with it.
    this.#turn = done.catch(() => {});
    return done;
  }
}
