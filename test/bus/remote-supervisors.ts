/** Whole supervisors in processes of their own, each with a worker, reached over TLS. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fixture, freePort, projectRoot } from "../support/holdfast.ts";
import { expectNoLeftovers, killLeftovers, MARKER_VARIABLE } from "../support/processes.ts";
import { KEY } from "./remote-served.ts";
import { atEnd } from "./served.ts";

export interface RemoteSupervisor {
  readonly name: string;
  readonly url: string;
  signal(signal: NodeJS.Signals): void;
  /** Resolves when it is gone. */
  kill(): Promise<void>;
}

const marker = `remote-${process.pid}-${Date.now().toString(36)}`;

/** Its worker answers "who" with the name. It is killed after the test, and what it has started. */
export async function remoteSupervisor(
  name: string,
  listen = "127.0.0.1:0",
): Promise<RemoteSupervisor> {
  const args = [fixture("remote-supervisor.mjs"), name, listen, KEY, String(await freePort())];
  const child: ChildProcess = spawn(process.execPath, args, {
    cwd: projectRoot,
    env: { ...process.env, [MARKER_VARIABLE]: marker },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const gone = once(child, "exit");
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await gone;
  };
  atEnd(async () => {
    await kill();
    killLeftovers(marker);
    await expectNoLeftovers(marker);
  });
  const said: string[] = [];
  child.stderr?.on("data", (chunk) => said.push(String(chunk)));
  const url = await new Promise<string>((resolve, reject) => {
    gone.then(() => reject(new Error(`the supervisor has ended: ${said.join("")}`)));
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (line) => {
      const address = /^listening (.*)$/.exec(line)?.[1];
      if (address) resolve(`tls://${address}`);
      else said.push(line);
    });
  });
  return { name, url, kill, signal: (signal) => void child.kill(signal) };
}
