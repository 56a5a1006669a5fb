/** Real servers that tests start: how they end. */

import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { connect } from "node:net";

/** SIGTERM, then SIGKILL; and its directory is gone with it. */
export async function endServer(child: ChildProcess, directory: string): Promise<void> {
  const ended = child.exitCode === null ? once(child, "exit") : null;
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
  await ended;
  clearTimeout(timer);
  rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
}

/** True where somebody listens on loopback; rejects where nobody does. */
export async function accepts(port: number): Promise<boolean> {
  const socket = connect({ port, host: "127.0.0.1" });
  await once(socket, "connect");
  socket.destroy();
  return true;
}
