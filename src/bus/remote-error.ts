/** Errors of handlers, on their way to the one who asked. */

import type { Sender } from "./api.ts";

const LONGEST_CHARACTERS = 4000;
/** A cause has a cause; more than so many tell nothing. */
const DEEPEST = 4;

/** What a handler in another process threw: `name`, `message`, `code` and `cause` are those of its error. */
export class BusRemoteError extends Error {
  /** What the handler's error had as `code`, where that was text or a number. */
  readonly code: string | number | undefined;
  readonly subject: string;
  /** Whose handler it was; null where that is not known. */
  readonly from: Sender | null;
  /** Where it was thrown there. */
  readonly remoteStack: string | undefined;

  constructor(told: ToldError, subject: string, from: Sender | null) {
    super(told.message, told.cause && { cause: new BusRemoteError(told.cause, subject, from) });
    this.name = told.name;
    this.code = told.code;
    this.subject = subject;
    this.from = from;
    this.remoteStack = told.stack;
  }
}

/** An error as plain data. */
export interface ToldError {
  readonly name: string;
  readonly message: string;
  readonly code?: string | number;
  readonly stack?: string;
  readonly cause?: ToldError;
}

/** Never throws, whatever was thrown. */
export function tellError(error: unknown, depth = 0): ToldError {
  try {
    if (!(error instanceof Error)) return { name: "Error", message: cut(textOf(error)) };
    const { code } = error as { code?: unknown };
    const hasCause = error.cause !== undefined && error.cause !== null && depth < DEEPEST;
    return {
      name: cut(String(error.name)),
      message: cut(String(error.message)),
      ...(typeof code === "string" ? { code: cut(code) } : {}),
      ...(typeof code === "number" ? { code } : {}),
      ...(typeof error.stack === "string" && depth === 0 ? { stack: cut(error.stack) } : {}),
      ...(hasCause ? { cause: tellError(error.cause, depth + 1) } : {}),
    };
  } catch {
    return { name: "Error", message: "an error that cannot be read" };
  }
}

/** What was told, where it is well formed; what is missing is filled in. */
export function readTold(told: unknown, depth = 0): ToldError {
  const { name, message, code, stack, cause } = (told ?? {}) as Record<string, unknown>;
  return {
    name: typeof name === "string" ? name : "Error",
    message: typeof message === "string" ? message : "no reason was given",
    ...(typeof code === "string" || typeof code === "number" ? { code } : {}),
    ...(typeof stack === "string" ? { stack } : {}),
    ...(typeof cause === "object" && cause !== null && depth < DEEPEST
      ? { cause: readTold(cause, depth + 1) }
      : {}),
  };
}

function textOf(thrown: unknown): string {
  if (typeof thrown === "string") return thrown;
  return typeof thrown === "object" ? (JSON.stringify(thrown) ?? "null") : String(thrown);
}

function cut(text: string): string {
  return text.length > LONGEST_CHARACTERS ? `${text.slice(0, LONGEST_CHARACTERS)}...` : text;
}
