/** How this worker is: its event loop, heap, garbage collection, connections and requests, told once a second. */

import { constants, PerformanceObserver } from "node:perf_hooks";
import v8 from "node:v8";
import { GC_BUCKETS, type WorkerStats } from "../core/stats.ts";
import type { AgentMessage } from "../link/agent-messages.ts";
import type { Channel } from "./channel.ts";
import type { Debugger } from "./debugger.ts";
import { Delay } from "./delay.ts";
import type { Sticky } from "./sticky/sticky.ts";
import type { Traffic } from "./traffic.ts";

/** Node's numbers (V8's GCType) to our names. */
const KINDS: Readonly<Record<number, string>> = {
  [constants.NODE_PERFORMANCE_GC_MINOR]: "minor",
  [constants.NODE_PERFORMANCE_GC_MAJOR]: "major",
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: "incremental",
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: "weakcb",
  // Of V8 since Node 22, without a name in Node: the minor mark-sweep.
  2: "minor",
};

interface Pauses {
  sum: number;
  readonly buckets: number[];
}

export interface MeasureParts {
  readonly channel: Channel;
  readonly traffic: Traffic;
  readonly debug: Debugger;
  readonly sticky: Sticky | null;
}

export class Measure {
  readonly #channel: Channel;
  readonly #traffic: Traffic;
  readonly #debug: Debugger;
  readonly #sticky: Sticky | null;
  /** Null: only what watching and replacing workers needs is told. */
  readonly #delay: Delay | null;
  readonly #pauses = new Map<string, Pauses>();
  /** A beat that waits in the channel: the supervisor does not read, and this process must not grow. */
  #isUnderWay = false;

  constructor({ channel, traffic, debug, sticky }: MeasureParts, collect: boolean) {
    this.#channel = channel;
    this.#traffic = traffic;
    this.#debug = debug;
    this.#sticky = sticky;
    this.#delay = collect ? new Delay() : null;
    if (collect) this.#watchPauses();
    // Who ends by itself, by process.exit() or by an error has a last word: a pipe is written at once.
    process.once("exit", () => this.tell());
  }

  /** Says how it is, unless what was said before has not left yet. */
  beat(): void {
    if (this.#isUnderWay || !this.#channel.isOpen()) return;
    this.#isUnderWay = true;
    this.#channel.send(this.#message(), undefined, () => {
      this.#isUnderWay = false;
    });
  }

  /** Says how it is, in any case: an end may follow. */
  tell(): void {
    this.#channel.send(this.#message());
  }

  #message(): AgentMessage {
    return { t: "beat", stats: this.#stats(), inspector: this.#debug.state() };
  }

  #watchPauses(): void {
    const observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        this.#paused(
          (entry as { detail?: { kind?: number } }).detail?.kind ?? 0,
          entry.duration / 1000,
        );
      }
    });
    observer.observe({ entryTypes: ["gc"] });
  }

  #stats(): WorkerStats {
    const { active, idle } = performance.eventLoopUtilization();
    const heap = v8.getHeapStatistics();
    const cpu = process.cpuUsage();
    const delay = this.#delay;
    const { requests } = this.#traffic;
    const { delayP99, delayMax } = delay?.window() ?? { delayP99: 0, delayMax: 0 };
    return {
      active: round(active),
      idle: round(idle),
      delayP99: round(delayP99),
      delayMax: round(delayMax),
      heapUsed: heap.used_heap_size,
      heapLimit: heap.heap_size_limit,
      external: heap.external_memory,
      cpuUser: cpu.user / 1000,
      cpuSystem: cpu.system / 1000,
      connections: this.#traffic.accepted,
      inFlight: requests.inFlight,
      aborted: requests.aborted,
      handled: requests.handled,
      requests: delay ? requests.distributions() : {},
      gc: Object.fromEntries(this.#pauses),
      sticky: this.#sticky?.stats() ?? null,
    };
  }

  #paused(kind: number, seconds: number): void {
    const name = KINDS[kind] ?? "minor";
    const pauses = this.#pauses.get(name) ?? {
      sum: 0,
      buckets: new Array<number>(GC_BUCKETS.length + 1).fill(0),
    };
    const found = GC_BUCKETS.findIndex((bound) => seconds <= bound);
    const bucket = found < 0 ? GC_BUCKETS.length : found;
    pauses.buckets[bucket] = (pauses.buckets[bucket] ?? 0) + 1;
    pauses.sum += seconds;
    this.#pauses.set(name, pauses);
  }
}

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
