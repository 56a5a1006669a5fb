/** A process with an heir, and what that heir does when it takes over. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fixture } from "../support/holdfast.ts";
import { Output } from "../support/output.ts";
import { isAlive, killLeftovers, leftovers, MARKER_VARIABLE } from "../support/processes.ts";
import { until } from "../support/until.ts";

export interface OwnerOptions {
  /** [app, key] of the sockets that are taken and answered on after a takeover. */
  readonly takes?: readonly (readonly [string, string])[];
  /** Instead of the built heir. */
  readonly program?: string;
  readonly shortReigns?: number;
  readonly env?: Record<string, string>;
}

/** What the heir that took over reports. */
export interface Report {
  readonly held: Readonly<Record<string, boolean>>;
  readonly died: number;
  readonly shortReigns: number;
  readonly pid: number;
}

let owners = 0;

export class Owner {
  readonly id = `${process.pid}-owner${owners++}-${Date.now().toString(36)}`;
  readonly folder = mkdtempSync(join(tmpdir(), "hf-heir-"));
  readonly child: ChildProcess;
  readonly output: Output;
  readonly #report = join(this.folder, "report");

  constructor({ takes = [], program, shortReigns, env = {} }: OwnerOptions = {}) {
    const takeover = fixture("heir-takeover.cjs");
    const settings = { program, takeover, shortReigns, flags: { takes, report: this.#report } };
    this.child = spawn(process.execPath, [fixture("heir-owner.mjs"), JSON.stringify(settings)], {
      env: { PATH: process.env.PATH ?? "", ...env, [MARKER_VARIABLE]: this.id },
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    this.output = new Output(this.child, "the owner");
  }

  get pid(): number {
    return this.child.pid ?? -1;
  }

  /** Has the owner do something; what that gives. */
  async tell(verb: string, ...args: unknown[]): Promise<unknown> {
    const answered = new Promise<unknown>((resolve) => {
      const hear = ({ did, gave }: { did: string; gave: unknown }): void => {
        if (did !== verb) return;
        this.child.off("message", hear);
        resolve(gave);
      };
      this.child.on("message", hear);
    });
    this.child.send([verb, ...args]);
    return answered;
  }

  /** The ports of sockets by these names, all of the app "api" and known to the heir. */
  async bind(...names: string[]): Promise<number[]> {
    const ports: number[] = [];
    for (const name of names) ports.push(Number(await this.tell("bind", name)));
    await this.tell("follow", "api", ...names);
    return ports;
  }

  /** Starts the heir and waits until it is ready; its pid. */
  async heir(): Promise<number> {
    await this.tell("start");
    return this.readyAfter(0);
  }

  /** The pid of the heir that is ready after so many others were. */
  async readyAfter(others: number): Promise<number> {
    const ready = (): number | undefined =>
      this.output.logs.filter(({ msg }) => msg === "heir ready")[others]?.pid as number | undefined;
    return this.output.wait(ready, "that the heir is ready");
  }

  /** What the heir holds, of what the owner knows, as sockets in /proc: waits until it has as many. */
  async holds(heir: number, sockets: number): Promise<void> {
    await until(() => socketsOf(heir).length === sockets, {
      what: `${sockets} sockets held by the heir`,
    });
  }

  /** Waits until the heir holds the socket by that name. */
  async holdsThe(heir: number, name: string): Promise<void> {
    const link = await this.tell("link", name);
    await until(() => socketsOf(heir).includes(String(link)), { what: `the heir to hold ${name}` });
  }

  /** Ends the owner as a crash does; what the heir reports then. */
  async die(signal: NodeJS.Signals = "SIGKILL"): Promise<Report> {
    this.child.kill(signal);
    return this.report();
  }

  async report(): Promise<Report> {
    const text = await until(() => readFileSync(this.#report, "utf8"), { what: "a takeover" });
    return JSON.parse(text) as Report;
  }

  hasTakenOver(): boolean {
    try {
      return readFileSync(this.#report, "utf8") !== "";
    } catch {
      return false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    killLeftovers(this.id);
    if (this.child.exitCode === null && this.child.signalCode === null)
      await once(this.child, "exit");
    await until(() => killLeftovers(this.id).length === 0, { what: "everything to be gone" });
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** What a server says to who connects; the error's code where nobody listens. */
export function said(port: number): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    net
      .connect(port, "127.0.0.1")
      .setEncoding("utf8")
      .on("data", (chunk) => (text += chunk))
      .on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? ""))
      .on("end", () => resolve(text));
  });
}

/** The only other process of the owner's is the heir. */
export function othersOf(owner: Owner): number[] {
  return leftovers(owner.id)
    .map(({ pid }) => pid)
    .filter((pid) => pid !== owner.pid && isAlive(pid));
}

/** Sockets a process has open beside its output and its channel. */
function socketsOf(pid: number): readonly string[] {
  return readdirSync(`/proc/${pid}/fd`)
    .filter((fd) => Number(fd) > 3)
    .map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`))
    .filter((link) => link.startsWith("socket:"));
}
