/** Processes that one of them leads: a worker and what it has started. */

/** SIGKILL to all processes of the group; of an empty one nothing. */
export function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // ESRCH: the group is empty already.
  }
}
