/** What the home directory's state means. Pure. */

import type { Check, HomeFacts, SupervisorFacts } from "./facts.ts";
import { bytes, fail, ok, warn } from "./verdicts.ts";

const LITTLE_BYTES = 1024 ** 3;
const HARDLY_ANY_BYTES = 64 * 1024 ** 2;

export function judgeHome(home: HomeFacts): readonly Check[] {
  return [judgeFolder(home), judgeSpace(home)];
}

function judgeFolder({ directory, found, uid, isWritable }: HomeFacts): Check {
  const name = "home";
  const another = "name another with --home or HOLDFAST_HOME";
  if (found === null) {
    if (isWritable) return ok(name, `${directory} is not there yet and can be made`);
    return fail(
      name,
      `${directory} cannot be made`,
      `${another}, or correct the permissions above it`,
    );
  }
  if (!found.isDirectory)
    return fail(name, `${directory} is no directory`, `move it away, or ${another}`);
  if (found.uid !== uid) {
    return fail(
      name,
      `${directory} belongs to the user with id ${found.uid}, and this is ${uid}`,
      `run this as that user, or ${another}`,
    );
  }
  if (!isWritable)
    return fail(name, `${directory} cannot be written to`, `chmod 700 ${directory}, or ${another}`);
  if ((found.mode & 0o077) !== 0) {
    return warn(
      name,
      `${directory} is open to others (${(found.mode & 0o777).toString(8)})`,
      `chmod 700 ${directory}; a supervisor that starts does so itself`,
    );
  }
  return ok(name, `${directory} is its owner's alone`);
}

function judgeSpace({ directory, freeBytes }: HomeFacts): Check {
  const name = "disk";
  if (freeBytes === null) return ok(name, "free space is not known here");
  const what = `${bytes(freeBytes)} free for ${directory}`;
  const fix = "make room; holdfast flush empties logs";
  if (freeBytes < HARDLY_ANY_BYTES) return fail(name, what, fix);
  return freeBytes < LITTLE_BYTES ? warn(name, what, fix) : ok(name, what);
}

/** A supervisor that was killed leaves its socket and pid file, and the next one takes them over. */
export function judgeLeftovers(
  { hasSocket, claim }: HomeFacts,
  supervisor: SupervisorFacts,
): Check {
  const name = "leftovers";
  if (supervisor.type !== "none") return ok(name, "socket and pid file are in use");
  if (claim?.isAlive) {
    return fail(
      name,
      `process ${claim.pid} owns the home, but nobody answers on its socket`,
      `look at its log; end it with kill ${claim.pid}, then holdfast resurrect`,
    );
  }
  const left = [...(claim ? ["pid file"] : []), ...(hasSocket ? ["socket"] : [])];
  if (left.length === 0) return ok(name, "no stale socket or pid file");
  return warn(
    name,
    `a supervisor that was killed has left its ${left.join(" and ")}`,
    "holdfast resurrect takes them over and starts what ran",
  );
}
