/** What was done to each app: told on stderr, or as data on stdout; and the exit status it amounts to. */

import type { Explained } from "../errors.ts";
import type { Outcomes } from "../link/control.ts";

/** The shape of all JSON on stdout: raised when a field changes its meaning. */
const JSON_VERSION = 1;

export interface Talk {
  /** For people, a line each. */
  say(line: string): void;
  /** For programs: nothing unless they asked for it. */
  data(value: unknown): void;
}

/** Where a command talks: with `-o json` or `-o ndjson` its result is data on stdout. */
export function talkOf(flags: Record<string, unknown>): Talk {
  const isJson = flags.output === "json" || flags.output === "ndjson" || flags.json === true;
  return {
    say: (line) => {
      if (flags.quiet !== true) process.stderr.write(`${line}\n`);
    },
    data: (value) => {
      if (isJson)
        process.stdout.write(`${JSON.stringify({ version: JSON_VERSION, data: value })}\n`);
    },
  };
}

/** Tells the outcomes, and what could not be written down; 0, or the exit status of the first failure. */
export function tellOutcomes({ outcomes, unsaved }: Outcomes, talk: Talk): number {
  for (const { app, did, error } of outcomes) {
    if (error) talk.say(failureText(error));
    else talk.say(`${app}: ${did}`);
  }
  if (unsaved) talk.say(failureText(unsaved));
  const failure = outcomes.find(({ error }) => error !== null)?.error ?? unsaved;
  return failure?.exitStatus ?? 0;
}

export function tellFailure(failure: Explained, talk: Talk): void {
  talk.say(failureText(failure));
}

/** What, what to do, and the code to look up. */
function failureText({ message, remedy, code }: Explained): string {
  return `error: ${message}\nfix: ${remedy}\ncode: ${code}`;
}
