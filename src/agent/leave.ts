/** The end of a worker: after the drain the app's own clean-up runs, as it would without us. */

import cluster from "node:cluster";
import type { InternalServer } from "./node-internals.ts";

/** PM2's default kill timeout: what an app that only listens to messages gets to act on "shutdown". */
const MESSAGE_GRACE_MS = 1600;

/** The app has something of its own to do when it is told to stop. */
export function handlesStop(shutdownMessage: boolean, listensToMessages: () => boolean): boolean {
  return shutdownMessage || stopSignal() !== undefined || listensToMessages();
}

/**
 * Raises the stop signal the app listens for: SIGTERM, or SIGINT where it handles only that. An app
 * that handles neither may know PM2's "shutdown" message; one that knows nothing is ended here.
 */
export function raiseStop(shutdownMessage: boolean, listensToMessages: () => boolean): void {
  const emitter = process as NodeJS.EventEmitter;
  if (shutdownMessage) {
    emitter.emit("message", "shutdown");
    return;
  }
  const signal = stopSignal();
  if (signal) {
    process.kill(process.pid, signal);
  } else if (listensToMessages()) {
    emitter.emit("message", "shutdown");
    setTimeout(() => process.exit(), MESSAGE_GRACE_MS);
  } else {
    process.exit();
  }
}

/** The one the app handles; undefined: none. */
function stopSignal(): "SIGTERM" | "SIGINT" | undefined {
  return (["SIGTERM", "SIGINT"] as const).find((name) => process.listenerCount(name) > 0);
}

/**
 * Tells later whether the app listens to messages. Called before the app runs: `cluster` itself
 * listens on the process, to repeat what it hears on `cluster.worker`.
 */
export function watchMessageListeners(): () => boolean {
  const own = process.listenerCount("message");
  return () =>
    process.listenerCount("message") > own || (cluster.worker?.listenerCount("message") ?? 0) > 0;
}

/**
 * `cluster.worker.disconnect()` closes the servers and then the channel, after which the process ends
 * by itself. Node does so for the handles it made; these are ours.
 */
export function closeBeforeDisconnect(
  servers: Iterable<InternalServer>,
  hold: () => () => void,
): void {
  const { worker } = cluster;
  if (!worker) return;
  const { disconnect } = worker;
  worker.disconnect = () => {
    worker.disconnect = disconnect;
    worker.exitedAfterDisconnect = true;
    // Until the channel is closed, and the app has heard of it.
    hold();
    const open = [...servers].filter((server) => server.listening);
    const closed = open.map((server) => new Promise((resolve) => server.close(resolve)));
    void Promise.all(closed).then(() => disconnect.call(worker));
    return worker;
  };
}
