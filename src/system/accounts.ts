/** Users and groups by name or number. */

import { execFileSync } from "node:child_process";
import { HoldfastError } from "../errors.ts";

export interface Account {
  readonly uid: number;
  readonly gid: number;
  readonly name: string;
  readonly home: string;
}

/** The entry of a user, from whatever database the system asks (nsswitch.conf(5)). Throws HF_ACCOUNT_UNKNOWN. */
export function accountOf(user: string | number): Account {
  const [name, , uid, gid, , home] = entryOf("passwd", user);
  return { uid: Number(uid), gid: Number(gid), name: String(name), home: home || "/" };
}

/** The number of a group. Throws HF_ACCOUNT_UNKNOWN. */
export function groupIdOf(group: string | number): number {
  return isNumber(group) ? Number(group) : Number(entryOf("group", group)[2]);
}

/** A user by number needs no entry. */
export function isNumber(account: string | number): boolean {
  return /^\d+$/.test(String(account));
}

function entryOf(database: "passwd" | "group", key: string | number): readonly string[] {
  try {
    const stdio = ["ignore", "pipe", "ignore"] as const;
    const text = execFileSync("getent", [database, String(key)], {
      encoding: "utf8",
      stdio: [...stdio],
    });
    return text.trim().split(":");
  } catch (error) {
    const kind = database === "passwd" ? "user" : "group";
    throw new HoldfastError("HF_ACCOUNT_UNKNOWN", { kind, name: String(key) }, { cause: error });
  }
}
