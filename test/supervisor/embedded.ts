/** What the library's tests share: a supervisor in the test's own process, its events, and the end of it all. */

import {
  createSupervisor,
  type OutputSink,
  type Supervisor,
  type SupervisorEvents,
} from "holdfast";
import { afterEach } from "vitest";
import { fixture, freePort } from "../support/holdfast.ts";
import { WAIT_MS } from "../support/output.ts";
import { expectNoLeftovers, killLeftovers, MARKER_VARIABLE } from "../support/processes.ts";

type Input = Parameters<typeof createSupervisor>[0];
type AppInput = Extract<Input, { readonly script: string }>;
type Name = keyof SupervisorEvents;

/** Keeps the test's output quiet. */
export const quiet: OutputSink = { write: () => true, onceDrained: (resume) => resume() };

const marker = `embedded-${process.pid}-${Date.now().toString(36)}`;
const open: Supervisor[] = [];

afterEach(async () => {
  for (const supervisor of open.splice(0)) {
    supervisor.kill();
    await supervisor.stop();
  }
  const left = killLeftovers(marker);
  if (left.length > 0) throw new Error(`left over: ${left.map(({ command }) => command)}`);
  await expectNoLeftovers(marker);
});

/** The puppet as an app, with few and short timeouts; `env` tells it what to do. */
export async function puppet(
  options: Omit<Partial<AppInput>, "env"> & { readonly env?: Record<string, string> } = {},
): Promise<AppInput & { readonly port: number }> {
  const { env, ...rest } = options;
  const port = await freePort();
  return {
    ...{ script: fixture("puppet.mjs"), name: "puppet", instances: 2, minUptime: 200 },
    ...rest,
    env: { PORT: String(port), [MARKER_VARIABLE]: marker, ...env },
    port,
  };
}

export interface Embedded {
  readonly supervisor: Supervisor;
  /** `name` or `name slot/generation`, in the order in which they came. */
  readonly events: readonly string[];
  /** Resolves when such an event comes, or has come. */
  seen(event: string): Promise<void>;
}

const NAMES = [
  ...["worker:start", "worker:ready", "worker:drain", "worker:exit"],
  ...["slot:waiting", "slot:failed", "slot:recovered", "app:scaled", "app:stopped"],
  ...["reload:start", "reload:progress", "reload:done", "reload:failed"],
] as readonly Name[];

/** A supervisor for these apps that is stopped after the test at the latest. */
export function embed(...apps: readonly (AppInput & { readonly port: number })[]): Embedded {
  const inputs = apps.map(({ port: _port, ...input }) => input);
  const supervisor = createSupervisor(inputs, { output: quiet });
  open.push(supervisor);
  const events: string[] = [];
  const waiting = new Set<() => void>();
  for (const name of NAMES) {
    supervisor.on(name, (event: Partial<Record<"slot" | "generation", number>>) => {
      const { slot, generation } = event;
      const detail = [slot, generation].filter((part) => part !== undefined).join("/");
      events.push(`${name} ${detail}`.trim());
      for (const look of waiting) look();
    });
  }
  const seen = (event: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const missed = (): void => reject(new Error(`no "${event}" among\n${events.join("\n")}`));
      const timer = setTimeout(missed, WAIT_MS);
      const look = (): void => {
        if (!events.includes(event)) return;
        waiting.delete(look);
        clearTimeout(timer);
        resolve();
      };
      waiting.add(look);
      look();
    });
  return { supervisor, events, seen };
}
