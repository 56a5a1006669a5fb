/** Programs of the fixture bus-client.mjs, whose lives are watched. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fixture } from "../support/holdfast.ts";
import { atEnd, type Served } from "./served.ts";

interface Program {
  readonly child: ChildProcess;
  /** All it said, on both outputs. */
  said(): string;
  /** Its exit code, when it has ended by itself. */
  readonly code: Promise<number | null>;
}

export function run({ path }: Pick<Served, "path">, what: string): Program {
  const child = spawn(process.execPath, [fixture("bus-client.mjs"), path, what]);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
  }
  const closed = once(child, "close");
  atEnd(async () => {
    child.kill("SIGKILL");
    await closed;
  });
  return { child, said: () => said, code: closed.then(([code]) => code as number | null) };
}
