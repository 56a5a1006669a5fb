/** The app's own prom-client registries, told whole every two seconds while there are any. */

import { sep } from "node:path";
import type { AppMetric } from "../core/stats.ts";
import type { AgentSettings } from "../link/agent-messages.ts";
import type { Channel } from "./channel.ts";
import type { MetricsRegistry } from "./hooks.ts";
import { metricsIn, within } from "./series.ts";

const EVERY_MS = 2000;
/** An app's collect() that takes longer is not waited for: what it said last is told. */
const ANSWER_WITHIN_MS = 500;
/** Both names of it; the part of a path that says where a package lies. */
const PACKAGES = ["prom-client", "@prometheus-io/client"].map((name) =>
  ["", "node_modules", ...name.split("/"), ""].join(sep),
);

/** What is known of one registry. */
interface Known {
  metrics: readonly AppMetric[];
  /** The call that has not been answered: a registry is not asked again before. */
  asked: Promise<void> | null;
  hasFailed: boolean;
}

export class AppMetrics {
  readonly #channel: Channel;
  readonly #settings: AgentSettings["metrics"];
  readonly #registries = new Map<MetricsRegistry, Known>();
  #timer: NodeJS.Timeout | null = null;
  /** What was told before has not left yet. */
  #isUnderWay = false;

  constructor(channel: Channel, settings: AgentSettings["metrics"]) {
    this.#channel = channel;
    this.#settings = settings;
    if (settings.merge) this.#start();
  }

  /** From now on with the others. */
  register(registry: MetricsRegistry): void {
    if (!this.#settings.collect) return;
    this.#add(registry);
    this.#start();
  }

  /** The last time, within half a second. Never rejects. */
  async last(): Promise<void> {
    if (this.#timer) await this.#tell();
  }

  #add(registry: MetricsRegistry): void {
    if (this.#registries.has(registry)) return;
    this.#registries.set(registry, { metrics: [], asked: null, hasFailed: false });
  }

  #start(): void {
    this.#timer ??= setInterval(() => {
      if (!this.#isUnderWay && this.#channel.isOpen()) void this.#tell();
    }, EVERY_MS).unref();
  }

  async #tell(): Promise<void> {
    if (this.#settings.merge) for (const registry of loaded()) this.#add(registry);
    if (this.#registries.size === 0) return;
    const answers = [...this.#registries].map(([registry, known]) => {
      known.asked ??= ask(registry, known).finally(() => {
        known.asked = null;
      });
      return known.asked;
    });
    await settled(answers);
    const metrics = [...this.#registries.values()].flatMap((known) => known.metrics);
    this.#isUnderWay = true;
    const message = { t: "metrics" as const, ...within(metrics, this.#settings.maxSeries) };
    this.#channel.send(message, undefined, () => {
      this.#isUnderWay = false;
    });
  }
}

/** Never rejects: the app's code may throw what it likes, and it is told once. */
async function ask(registry: MetricsRegistry, known: Known): Promise<void> {
  try {
    known.metrics = metricsIn(await registry.getMetricsAsJSON());
    known.hasFailed = false;
  } catch (error) {
    if (!known.hasFailed) process.emitWarning(`the app's metrics could not be read: ${error}`);
    known.hasFailed = true;
  }
}

/** Waits for all of them, not longer than an answer may take. Keeps no process alive. */
async function settled(answers: readonly Promise<void>[]): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ANSWER_WITHIN_MS);
    timer.unref();
  });
  await Promise.race([Promise.all(answers), late]);
  clearTimeout(timer);
}

/** Default registries of every prom-client in the process. ES modules that import it load it as CommonJS. */
function loaded(): MetricsRegistry[] {
  return Object.keys(require.cache).flatMap((file) => {
    if (!PACKAGES.some((part) => file.includes(part))) return [];
    const module = require.cache[file];
    if (!module?.loaded) return [];
    const { register } = (module.exports ?? {}) as { register?: Partial<MetricsRegistry> };
    return typeof register?.getMetricsAsJSON === "function" ? [register as MetricsRegistry] : [];
  });
}
