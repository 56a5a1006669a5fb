/** How commands of the bus print: for people and pipes, or each thing in its envelope. */

import { badArgument } from "./arguments.ts";

type Flags = Record<string, unknown>;
export type OutputFormat = "text" | "json" | "ndjson";

/** `-o`, `--json`; text unless given, by whatever name the command has for it. Throws HF_ARGUMENT_INVALID. */
export function formatOf({ output, json }: Flags, text = "text"): OutputFormat {
  if (json === true) return "json";
  if (output === undefined || output === text) return "text";
  if (output === "json" || output === "ndjson") return output;
  throw badArgument(
    "--output",
    `received "${String(output)}", expected one of ${text}, json, ndjson`,
  );
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
