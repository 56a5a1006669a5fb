/** Reads which Node runs an app. Pure. */

import { accept, fault, isText, type Kind, type Reading, refuse } from "./kinds.ts";
import { quote } from "./received.ts";

const EXPECTED = '"node" (the Node that runs Holdfast) or the path of another Node binary';

/** What to do about a program another interpreter runs. */
const OTHERS: readonly (readonly [matches: RegExp, what: string])[] = [
  [/^node@/, "give the path of that Node's binary instead, such as the answer of `nvm which`"],
  [/^bun(x)?$/, "run it on Node, or start bun from a service of its own"],
  [/^deno$/, "run it on Node, or start deno from a service of its own"],
  [
    /^(ts-node|tsx)(-esm)?$/,
    'use nodeArgs: "--import tsx" (tsx), or a Node that strips types itself (22.18 and later)',
  ],
  [
    /^none$/,
    "name the JavaScript file to run; a program that is not Node's belongs to a service of its own",
  ],
];

/** Null for the Node that runs Holdfast. */
export const interpreterKind: Kind<string | null> = {
  type: "interpreter",
  expected: EXPECTED,
  read: (value) => {
    if (value === null || value === "node") return accept(null);
    if (typeof value !== "string" || !isText(value, 4096) || value.trim() === "") {
      return refuse(value, EXPECTED);
    }
    return readProgram(value);
  },
  show: (value) => value ?? "node",
  schema: { type: ["string", "null"] },
};

/** Judged by its name: what the file is turns out when it is started. */
function readProgram(value: string): Reading<string> {
  const base = value.split("/").at(-1) ?? "";
  if (/^node(js)?[0-9.v_-]*$/.test(base)) return accept(value);
  const found = OTHERS.find(([matches]) => matches.test(base));
  const instead = found?.[1] ?? "what it runs belongs to a service of its own";
  return fault(`received ${quote(value)}, but Holdfast runs Node programs only: ${instead}`);
}
