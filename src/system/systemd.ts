/** What a service of systemd says of itself (sd_notify(3)), by the tool `systemd-notify`: Node has no datagram UNIX sockets. */

import { spawn } from "node:child_process";

type Environment = Readonly<Record<string, string | undefined>>;

/** The variables by which systemd reaches one process, and that are nobody else's. */
const OWN_VARIABLES = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] as const;

export interface NotifySettings {
  /** Default: this process's. */
  readonly env?: Environment;
  /** Told why a message could not be sent. Default: a warning of the process. */
  readonly onFault?: (reason: string) => void;
}

/**
 * Tells systemd "--ready", "--stopping" or variables such as "WATCHDOG=1" and "STATUS=...". Does nothing
 * where NOTIFY_SOCKET is not set. Returns at once; the message goes out meanwhile. Ready names this
 * process as the main one, which it may have become by taking over.
 */
export function notifySystemd(state: string, settings: NotifySettings = {}): void {
  void notify(state, settings);
}

/** Resolves when the message is out, or cannot be sent. */
function notify(state: string, settings: NotifySettings): Promise<void> {
  const { env = process.env, onFault = (reason) => process.emitWarning(reason) } = settings;
  const { NOTIFY_SOCKET, PATH } = env;
  if (!NOTIFY_SOCKET) return Promise.resolve();
  return new Promise((resolve) => {
    const child = spawn("systemd-notify", argumentsFor(state), {
      stdio: "ignore",
      env: { NOTIFY_SOCKET, PATH: PATH ?? "/usr/bin:/bin" },
    });
    child.once("error", ({ message }) => {
      onFault(`systemd-notify cannot be run: ${message}`);
      resolve();
    });
    child.once("exit", (code) => {
      if (code) onFault(`systemd-notify ${state} ended with status ${code}`);
      resolve();
    });
    child.unref();
  });
}

/** `--stopping` is known to systemd-notify since 253 only; the variable to all. */
function argumentsFor(state: string): string[] {
  if (state === "--stopping") return ["STOPPING=1"];
  return state === "--ready" ? ["--ready", `--pid=${process.pid}`] : state.split(" ");
}

/**
 * How often the watchdog wants to hear of this process, in milliseconds: half of the time after which it
 * kills. Null where nobody watches, or watches another process.
 */
export function watchdogIntervalMs(env: Environment, pid: number = process.pid): number | null {
  const { WATCHDOG_USEC = "", WATCHDOG_PID } = env;
  if (!/^[1-9]\d{0,17}$/.test(WATCHDOG_USEC)) return null;
  if (WATCHDOG_PID && Number(WATCHDOG_PID) !== pid) return null;
  return Math.max(1, Math.min(LONGEST_TIMER_MS, Math.floor(Number(WATCHDOG_USEC) / 2000)));
}

const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The line to systemd of a process that is a service of it; all silent where it is none. */
export interface ServiceManager {
  /** Also starts the watchdog's pings: they come from the event loop, and stop when it hangs. */
  ready(): void;
  stopping(): void;
  /** That process is the main one from now on. Resolves when that is said, or could not be. */
  succeededBy(pid: number): Promise<void>;
  /** No more pings. */
  close(): void;
  /** What systemd reaches this process by: for the process that is to take its place. */
  readonly variables: Environment;
}

/**
 * Takes systemd's variables out of `env`, so that workers do not inherit them and speak in the service's
 * name, and keeps them for itself.
 */
export function serviceManager(
  env: Record<string, string | undefined>,
  onFault: (reason: string) => void,
): ServiceManager {
  const own = { ...env };
  const variables = variablesFor(own);
  for (const name of OWN_VARIABLES) delete env[name];
  const tell = (state: string): void => notifySystemd(state, { env: own, onFault });
  const intervalMs = watchdogIntervalMs(own);
  // Said again with each ping: systemd may have been about to start another one when this one took over, and deaf.
  const alive = `READY=1 MAINPID=${process.pid} WATCHDOG=1`;
  let pings: NodeJS.Timeout | null = null;
  let isStopping = false;
  const close = (): void => {
    if (pings) clearInterval(pings);
  };
  return {
    ready() {
      tell("--ready");
      if (intervalMs === null || pings !== null) return;
      pings = setInterval(() => tell(isStopping ? "WATCHDOG=1" : alive), intervalMs);
      pings.unref();
    },
    stopping() {
      if (!isStopping) tell("--stopping");
      isStopping = true;
    },
    // Who is no service of systemd's has no socket, and nothing is said.
    succeededBy(pid) {
      close();
      return notify(`MAINPID=${pid}`, { env: own, onFault });
    },
    close,
    variables,
  };
}

/** A watchdog that waits for this process waits for the next one in its place. */
function variablesFor({ NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID }: Environment): Environment {
  const isOurs = !WATCHDOG_PID || Number(WATCHDOG_PID) === process.pid;
  return {
    ...(NOTIFY_SOCKET ? { NOTIFY_SOCKET } : {}),
    ...(WATCHDOG_USEC && isOurs ? { WATCHDOG_USEC } : {}),
  };
}
