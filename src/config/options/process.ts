/** What is run, from where and as whom. Pure data. */

import { account } from "../account.ts";
import type { ExecMode } from "../app.ts";
import { interpreterKind } from "../interpreter.ts";
import { choice, type Kind, optional, path, words } from "../kinds.ts";
import { nameKind } from "../name.ts";
import type { Options } from "./option.ts";

const execModes = choice<ExecMode>("cluster", "fork");

/** PM2 also says "cluster_mode" and "fork_mode". */
const execModeKind: Kind<ExecMode> = {
  ...execModes,
  read: (value) => execModes.read(typeof value === "string" ? value.replace(/_mode$/, "") : value),
  schema: { enum: ["cluster", "fork", "cluster_mode", "fork_mode"] },
};

export const PROCESS_OPTIONS: Options<
  | "script"
  | "args"
  | "name"
  | "namespace"
  | "cwd"
  | "nodeArgs"
  | "interpreter"
  | "uid"
  | "gid"
  | "execMode"
> = {
  script: {
    name: "script",
    kind: path("a file, a directory or a package's command"),
    why: "",
    cli: { words: "<script>" },
    pm2: [{ name: "exec" }, { name: "cmd" }, { name: "command" }],
    description:
      "What to run: a file (with or without extension), a directory (its main or index file), or the command of an installed package, such as `next start`.",
    change: "reload",
  },
  args: {
    name: "args",
    kind: words(),
    default: [],
    why: "",
    cli: { words: "[args...]" },
    pm2: [],
    description: "Arguments the script finds in process.argv.",
    change: "reload",
  },
  name: {
    name: "name",
    kind: nameKind,
    derived:
      "the script's base name without extension; for a directory its package's name or its own",
    why: "commands, logs and metrics need a name a person recognises",
    cli: { flag: "--name", short: "-n", placeholder: "name" },
    pm2: [],
    description: "What commands, logs and metrics call the app.",
    change: "reload",
  },
  namespace: {
    name: "namespace",
    kind: nameKind,
    default: "default",
    why: "most machines run one set of apps; PM2's default is the same",
    cli: { flag: "--namespace", placeholder: "name" },
    pm2: [],
    description: "A name for several apps, so that commands can take them together.",
    change: "update",
  },
  cwd: {
    name: "cwd",
    kind: path("a directory"),
    default: ".",
    why: "a program started by hand would run in the current directory too",
    cli: { flag: "--cwd", placeholder: "directory" },
    pm2: [],
    description:
      "The app's working directory; a symlink is followed anew at each reload (`current -> releases/42`).",
    change: "reload",
  },
  nodeArgs: {
    name: "nodeArgs",
    kind: words(),
    default: [],
    why: "",
    cli: { flag: "--node-args", placeholder: "args" },
    pm2: [{ name: "node_args" }, { name: "interpreter_args" }],
    description: 'Arguments for Node itself, such as "--max-old-space-size=512 --import tsx".',
    change: "reload",
  },
  interpreter: {
    name: "interpreter",
    kind: interpreterKind,
    default: null,
    why: "one Node is what most machines have",
    cli: { flag: "--interpreter", placeholder: "path" },
    pm2: [{ name: "exec_interpreter" }],
    description: "Another Node binary for this app's workers.",
    change: "reload",
  },
  uid: {
    name: "uid",
    kind: optional(account("user")),
    default: null,
    why: "changing it needs root",
    cli: { flag: "--uid", placeholder: "user" },
    pm2: [{ name: "user" }],
    description: "The user the workers run as; the supervisor must be root for it.",
    change: "reload",
  },
  gid: {
    name: "gid",
    kind: optional(account("group")),
    default: null,
    why: "changing it needs root",
    cli: { flag: "--gid", placeholder: "group" },
    pm2: [],
    description: "The group the workers run as; the supervisor must be root for it.",
    change: "reload",
  },
  execMode: {
    name: "execMode",
    kind: execModes,
    default: "cluster",
    why: 'programs that look at node:cluster find what they expect; in a file named ecosystem.* without `instances` it is "fork", as with PM2',
    cli: null,
    pm2: [{ name: "exec_mode", kind: execModeKind }],
    description:
      'What the program finds itself to be: a worker of node:cluster, or with "fork" a process of its own, which may fork a cluster itself. Instances share the ports they listen on in both; for a port each give incrementVar.',
    change: "reload",
  },
};
