/** Whether somebody would take over from the supervisor. Pure. */

import type { Check, Facts } from "./facts.ts";
import { bytes, fail, ok, warn } from "./verdicts.ts";

const NAME = "heir";

export function judgeHeir({ supervisor, runsForeground, home }: Facts): Check {
  if (supervisor.type !== "answers") {
    return ok(
      NAME,
      runsForeground
        ? "process 1 is `holdfast run`, which has none: the container's restart policy takes its part"
        : "none, as no supervisor answers in this home",
    );
  }
  const { pid, heir, takeovers, version } = supervisor;
  if (heir === null) {
    return warn(
      NAME,
      `Holdfast ${version} has none: when it is killed, its workers end with it`,
      "start it anew with this version: holdfast shutdown, holdfast resurrect",
    );
  }
  if (pid === 1) {
    return ok(NAME, "process 1 has none: the container's restart policy takes its part");
  }
  if (!heir.wanted) {
    return warn(
      NAME,
      "none, as `heir: false` says: when the supervisor is killed, nobody replaces workers until it is started again",
      "holdfast start <app> --heir, and remove it from the configuration",
    );
  }
  if (heir.pid === null) {
    return fail(
      NAME,
      "there should be one and there is none: it could not be started, or has just died",
      `look at ${home.directory}/supervisor.log; it is tried again and again`,
    );
  }
  const memory = heir.memoryBytes === null ? "" : ` with ${bytes(heir.memoryBytes)} of memory`;
  const past = takeovers === 0 ? "" : `; takeovers so far: ${takeovers}`;
  return ok(NAME, `pid ${heir.pid}${memory} takes over when the supervisor is killed${past}`);
}
