/** How commands of the bus print: for people and pipes, or each thing in its envelope. */

import { HoldfastError } from "../../errors.ts";

type Flags = Record<string, unknown>;
export type OutputFormat = "text" | "json" | "ndjson";

const FORMATS: readonly OutputFormat[] = ["text", "json", "ndjson"];

/** `-o`, `--json`; text unless given. Throws HF_CONFIG_INVALID. */
export function formatOf({ output, json }: Flags): OutputFormat {
  if (json === true) return "json";
  const found = FORMATS.find((format) => format === (output ?? "text"));
  if (found) return found;
  const message = `received "${String(output)}", expected one of ${FORMATS.join(", ")}`;
  throw new HoldfastError("HF_CONFIG_INVALID", { faults: [{ path: "--output", message }] });
}

/** A line as all JSON of the command line is. */
export function envelope(data: unknown): string {
  return `${JSON.stringify({ version: 1, data })}\n`;
}

/** Resolves when the reader has taken it; a slow one is waited for. */
export function print(text: string | Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => (error ? reject(error) : resolve()));
  });
}

/** A whole number from 1 on, undefined where the flag is not given. Throws HF_CONFIG_INVALID. */
export function countIn(flags: Flags, name: string): number | undefined {
  const said = flags[name];
  if (said === undefined) return undefined;
  if (/^[1-9]\d{0,8}$/.test(String(said))) return Number(said);
  const message = `received "${String(said)}", expected a whole number from 1 on`;
  throw new HoldfastError("HF_CONFIG_INVALID", { faults: [{ path: `--${name}`, message }] });
}
