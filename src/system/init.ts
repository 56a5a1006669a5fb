/**
 * PID 1 duties. The kernel gives orphans to process 1, and Node waits only for processes it has
 * spawned itself, so that they would stay zombies. A shell reaps everything while it waits.
 */

import { existsSync } from "node:fs";

const SHELL = "/bin/sh";

/**
 * Starts the program, forwards signals and reaps; ends with the program's status. `wait` returns
 * early for a trapped signal, so it is repeated while the program lives.
 */
const INIT = `
child=
for signal in TERM INT HUP QUIT USR1 USR2 WINCH; do
  trap "[ -n \\"\\$child\\" ] && kill -$signal \\$child 2>/dev/null" $signal
done
"$@" & child=$!
while :; do
  wait $child; status=$?
  kill -0 $child 2>/dev/null && continue
  wait $child 2>/dev/null; late=$?
  [ $late -ne 127 ] && status=$late
  exit $status
done
`;

type Execve = (file: string, args: readonly string[], env: NodeJS.ProcessEnv) => never;

/**
 * As process 1: becomes a small shell init with this program as its child (process.execve, Node
 * 22.15 and later) and does not return. Where that cannot be done it returns advice for the log;
 * where there is nothing to do, null.
 */
export function becomeInit(): string | null {
  if (process.pid !== 1) return null;
  const { execve } = process as unknown as { execve?: Execve };
  if (!execve || !existsSync(SHELL)) {
    return "holdfast runs as process 1 and cannot reap orphaned processes on this Node; run the container with an init (docker run --init), or use Node 22.15 or later";
  }
  const args = [
    "sh",
    "-c",
    INIT,
    "holdfast-init",
    process.execPath,
    ...process.execArgv,
    ...process.argv.slice(1),
  ];
  return execve.call(process, SHELL, args, process.env);
}
