/** What a program may hear of its bus; an error nobody hears becomes a warning of the process. */

import { inspect } from "node:util";
import type { BusEvents, BusMessage } from "./api.ts";

export class Events {
  readonly #listeners: { readonly [Name in keyof BusEvents]: Set<BusEvents[Name]> } = {
    error: new Set(),
    up: new Set(),
    down: new Set(),
  };

  has(name: string): name is keyof BusEvents {
    return Object.hasOwn(this.#listeners, name);
  }

  on<Name extends keyof BusEvents>(name: Name, listener: BusEvents[Name]): () => void {
    const listeners = this.#listeners[name];
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  tell<Name extends "up" | "down">(name: Name, ...said: Parameters<BusEvents[Name]>): void {
    for (const listener of [...this.#listeners[name]]) {
      later(() => (listener as (...all: typeof said) => void)(...said));
    }
  }

  /** A handler failed that nobody waits for, or what was subscribed is no longer had. */
  failed(error: unknown, message: BusMessage): void {
    const listeners = [...this.#listeners.error];
    for (const listener of listeners) later(() => listener(error, message));
    if (listeners.length > 0) return;
    // Whatever was thrown: String() throws for what cannot become text.
    const said = error instanceof Error ? (error.stack ?? error.message) : safely(error);
    process.emitWarning(
      `A handler or a subscription of the bus failed on "${message.subject}": ${said}`,
      {
        type: "HoldfastBusWarning",
      },
    );
  }
}

function safely(thrown: unknown): string {
  return typeof thrown === "string" ? thrown : inspect(thrown, { customInspect: false });
}

/** What a listener throws is an uncaught error of the program, and none of the connection it was told over. */
function later(call: () => void): void {
  process.nextTick(call);
}
