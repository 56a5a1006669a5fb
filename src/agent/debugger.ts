/** What the supervisor must know to see where this process stands when its event loop does not turn. */

import { INSPECTOR_FLAGS, type Inspector } from "../link/agent-messages.ts";

type InspectorModule = typeof import("node:inspector");

export class Debugger {
  /** Null in a Node built without it. */
  readonly #inspector: InspectorModule | null = load();
  /** SIGUSR1 opens nothing (a flag since Node 22.14), or opens what others can find. */
  readonly #isOff: boolean;

  /** Called before `INSPECTOR_FLAGS` are hidden from the app. */
  constructor() {
    const words = [...process.execArgv, ...(process.env.NODE_OPTIONS ?? "").split(/\s+/)];
    this.#isOff =
      words.includes("--disable-sigusr1") || !INSPECTOR_FLAGS.every((flag) => words.includes(flag));
  }

  state(): Inspector {
    const url = this.#inspector?.url();
    if (url !== undefined) return { url };
    const isFree = process.listenerCount("SIGUSR1") === 0;
    return this.#inspector && isFree && !this.#isOff ? "closed" : "off";
  }

  /** Closes what was opened to see where this process stood. */
  close(): void {
    this.#inspector?.close();
  }
}

function load(): InspectorModule | null {
  try {
    return require("node:inspector") as InspectorModule;
  } catch {
    // ERR_INSPECTOR_NOT_AVAILABLE
    return null;
  }
}
