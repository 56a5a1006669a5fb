/** Which version a Node binary is: asked of it once, and again when the file is another one. */

import { execFile } from "node:child_process";
import { stat } from "node:fs/promises";

/** A binary that takes longer hangs; whoever looks does not wait for it. */
const ASKED_WITHIN_MS = 3000;

/** "22.12.0"; null where it cannot be run or says something else. Never rejects. */
export type AskNodeVersion = (binary: string) => Promise<string | null>;

/** Remembers answers, and asks each file once however many look at the same time. */
export function nodeVersions(ask: AskNodeVersion = askNodeVersion): AskNodeVersion {
  const known = new Map<
    string,
    { readonly file: string; readonly answer: Promise<string | null> }
  >();
  return async (binary) => {
    if (binary === process.execPath) return process.versions.node;
    const file = await identityOf(binary);
    const before = known.get(binary);
    if (before?.file === file) return before.answer;
    const answer = ask(binary);
    known.set(binary, { file, answer });
    return answer;
  };
}

/** Changes when another version is put in its place; a bare name, looked for in PATH, is taken to stay. */
async function identityOf(binary: string): Promise<string> {
  try {
    const { dev, ino, mtimeMs } = await stat(binary);
    return `${dev} ${ino} ${mtimeMs}`;
  } catch {
    return "unknown";
  }
}

function askNodeVersion(binary: string): Promise<string | null> {
  return new Promise((resolve) => {
    const limits = { timeout: ASKED_WITHIN_MS, killSignal: "SIGKILL", maxBuffer: 10_000 } as const;
    execFile(binary, ["--version"], limits, (error, said) => {
      const [, version] = (error ? null : /^v(\d+\.\d+\.\d+\S*)\n?$/.exec(said)) ?? [];
      resolve(version ?? null);
    });
  });
}
