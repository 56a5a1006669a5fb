/** The token of the admin server, wherever it is kept. */

import { readFileSync } from "node:fs";
import {
  type AdminOptions,
  addressText,
  isLoopback,
  tokenFrom,
  tokenInEnvironment,
} from "../config/admin.ts";
import { HoldfastError } from "../errors.ts";

/**
 * What a client must know, null where nobody has said and nobody from outside can ask. Throws
 * HF_ADMIN_TOKEN_INVALID for one that cannot be read or is too short, HF_ADMIN_UNPROTECTED where one is missing.
 */
export function tokenOf(
  { listen, token, tokenFile }: AdminOptions,
  env: NodeJS.ProcessEnv,
): string | null {
  const found = token ?? (tokenFile === null ? tokenInEnvironment(env) : fromFile(tokenFile));
  if (found !== null || isLoopback(listen.host)) return found;
  throw new HoldfastError("HF_ADMIN_UNPROTECTED", { address: addressText(listen) });
}

/** Editors and `echo` end a file with a line break, which is no part of the token. */
function fromFile(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const reason = (error as Error).message;
    throw new HoldfastError("HF_ADMIN_TOKEN_INVALID", { source: file, reason }, { cause: error });
  }
  return tokenFrom(text.trim(), file);
}
