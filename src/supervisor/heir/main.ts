/**
 * The heir's program: holds the listening sockets it is given, does nothing, and becomes the supervisor when
 * its own one dies. It loads as little as it can: there is one beside every supervisor.
 */

import module from "node:module";
import process from "node:process";
import { shortReignsAfter, waitBeforeReignMs } from "../../core/reigns.ts";
import type { Handle } from "../node-internals.ts";
import { Priority } from "../priority.ts";
import type { TrialAnswer, TrialTerms } from "../upgrade/trial.ts";
import { dies } from "./death.ts";
import type { Inheritance } from "./inheritance.ts";
import { ShardStock } from "./shard-stock.ts";
import type { FromHeir, ToHeir, Will } from "./will.ts";

/** What the file `Will.takeover` exports. */
interface Takeover {
  claim(flags: Will["flags"]): (() => void) | null;
  prepare(): Promise<void>;
  takeOver(flags: Will["flags"], inherited: Inheritance): Promise<void>;
  tryOut(terms: TrialTerms): Promise<TrialAnswer>;
}

/** They mean the supervisor; in its place the heir obeys them. */
const STOPPING = ["SIGTERM", "SIGINT", "SIGQUIT"] as const;
const SIGNALS = [...STOPPING, "SIGHUP", "SIGUSR2", "SIGALRM"] as const;

function beHeir(will: Will): void {
  const stock = new ShardStock();
  const signals = holdSignals();
  // One that is to upgrade has yet to show that it could rule: the heir proper is there, too.
  let isFit = will.upgradeFrom === undefined;
  const tell = (message: FromHeir): void => {
    // Where the channel has ended, `disconnect` follows.
    process.send?.(message, undefined, {}, () => {});
  };
  process.title = "holdfast heir";
  process.on("message", (message: ToHeir, handle: unknown) => {
    if (message.t === "end") process.exit(0);
    if (message.t === "reign") return signals.keep();
    if (message.t === "try") {
      void tryOut(will, message.terms).then((answer) => {
        isFit = answer.reason === null;
        tell({ t: "tried", answer });
      });
      return;
    }
    if (message.t === "release") stock.release(message.shard);
    // Without one where this process may open no more files.
    else if (handle) stock.hold(message.shard, handle as Handle);
    tell({ t: "done" });
  });
  process.once("disconnect", () => {
    if (isFit) void succeed(will, stock, signals);
    else process.exit(0);
  });
  tell({ t: "ready" });
}

async function succeed(will: Will, stock: ShardStock, signals: HeldSignals): Promise<void> {
  const at = performance.now();
  signals.keep();
  const { pid } = will.supervisor;
  // It has let go of this heir.
  if (!(await dies(will.supervisor))) process.exit(0);
  const { claim, prepare, takeOver } = load(will);
  const shortReigns = shortReignsAfter(will.shortReigns, will.ruledMs + at);
  // Where it is to wait, somebody else may be faster.
  let claimed = waitBeforeReignMs(shortReigns) === 0 ? claim(will.flags) : null;
  await new Priority().whileRaised(prepare);
  await takeOver(will.flags, {
    take: (app, key, shard) => stock.take(app, key, shard),
    closeRest: () => stock.closeRest(),
    died: { pid, at },
    upgradeFrom: will.upgradeFrom ?? null,
    shortReigns,
    takeClaim() {
      const giveBack = claimed;
      claimed = null;
      return giveBack;
    },
    urged: signals.urged,
    rule: () => signals.release(),
  });
}

function load({ takeover }: Will): Takeover {
  (module as { enableCompileCache?(): unknown }).enableCompileCache?.();
  return module.createRequire(import.meta.url)(takeover) as Takeover;
}

/** Before an upgrade: what keeps this version from ruling is found while another one still does. */
async function tryOut(will: Will, terms: TrialTerms): Promise<TrialAnswer> {
  try {
    return await load(will).tryOut(terms);
  } catch (error) {
    const reason = `it cannot be loaded: ${(error as Error).message}`;
    return { version: "unknown", node: process.versions.node, reason };
  }
}

interface HeldSignals {
  readonly urged: AbortSignal;
  /** Those that come from now on come again with `release`. */
  keep(): void;
  release(): void;
}

/** What is sent to all processes of a service or session is not for the heir as long as its supervisor lives. */
function holdSignals(): HeldSignals {
  const kept: NodeJS.Signals[] = [];
  const urgency = new AbortController();
  let isKeeping = false;
  const hold = (signal: NodeJS.Signals): void => {
    if (!isKeeping) return;
    kept.push(signal);
    if (STOPPING.some((each) => each === signal)) urgency.abort();
  };
  for (const signal of SIGNALS) process.on(signal, hold);
  return {
    urged: urgency.signal,
    keep() {
      isKeeping = true;
    },
    release() {
      for (const signal of SIGNALS) process.off(signal, hold);
      for (const signal of kept) process.kill(process.pid, signal);
    },
  };
}

beHeir(JSON.parse(process.argv[2] ?? "") as Will);
