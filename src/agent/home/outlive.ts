/** What each part of the agent does when its supervisor is gone, and when there is another. */

import { type AgentSettings, envelope } from "../../link/agent-messages.ts";
import type { Channel } from "../channel.ts";
import type { Leave } from "../departure.ts";
import type { Gate } from "../gate.ts";
import type { ListenHook } from "../listen.ts";
import type { Measure } from "../measure.ts";
import type { Sticky } from "../sticky/sticky.ts";
import { Home } from "./home.ts";

/** Nobody waits for a worker that is refused, and nobody would kill it. Milliseconds. */
const REFUSED_LEAVES_WITHIN_MS = 10_000;

interface Parts {
  readonly channel: Channel;
  readonly gate: Gate;
  readonly listen: ListenHook;
  readonly measure: Measure;
  readonly sticky: Sticky | null;
  readonly leave: Leave;
}

/** Only below a supervisor that has a home; any other worker ends with it. */
export function outliveSupervisor({ home, worker }: AgentSettings, parts: Parts): void {
  if (!home) return;
  const { channel, gate, listen, measure, sticky, leave } = parts;
  const found = new Home(home, worker, {
    listening: () => listen.listening(),
    lost() {
      gate.lost();
      sticky?.lost();
    },
    linked(isNew) {
      channel.retell();
      listen.askAgain();
      gate.linked(isNew);
      measure.beat();
    },
    refused() {
      leave.begin(REFUSED_LEAVES_WITHIN_MS, null);
      const kill = (): boolean => process.kill(process.pid, "SIGKILL");
      setTimeout(kill, REFUSED_LEAVES_WITHIN_MS).unref();
    },
  });
  channel.outlive(found);
  // Only its parent is told how a process ends, and that was the supervisor of before.
  process.once("exit", (code) => {
    if (found.isLinked) found.send(envelope({ t: "exiting", code }), undefined, () => {});
  });
}
