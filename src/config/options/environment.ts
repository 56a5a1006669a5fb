/** What variables a worker finds. Pure data. */

import { variableName, variables } from "../environment.ts";
import { optional, path, whole } from "../kinds.ts";
import { listOf } from "../lists.ts";
import type { Option, Options } from "./option.ts";

export const ENVIRONMENT_OPTIONS: Options<"env" | "instanceVar" | "incrementVar"> = {
  env: {
    name: "env",
    kind: variables(),
    default: {},
    why: "",
    cli: { flag: "--env", placeholder: "KEY=VALUE", repeatable: true },
    pm2: [],
    description: "Environment variables added to those the app inherits.",
    change: "reload",
  },
  instanceVar: {
    name: "instanceVar",
    kind: variableName,
    default: "NODE_APP_INSTANCE",
    why: "it is the variable libraries know from PM2",
    cli: null,
    pm2: [{ name: "instance_var" }],
    description: "The environment variable that carries the worker's slot, 0 to n-1.",
    change: "reload",
  },
  incrementVar: {
    name: "incrementVar",
    kind: optional(variableName),
    default: null,
    why: "instances share their ports, so they need no numbers of their own",
    cli: null,
    pm2: [{ name: "increment_var" }],
    description:
      "An environment variable that is raised by the slot's number, such as PORT: 3000, 3001, 3002.",
    change: "reload",
  },
};

/** What a person writes and the reader turns into `env`. */
export const INPUT_OPTIONS: Readonly<Record<"envFile" | "port", Option<unknown>>> = {
  envFile: {
    name: "envFile",
    kind: listOf(path("a file"), "paths", null),
    default: [],
    why: "a secret in a file nobody named would be read by surprise",
    cli: null,
    pm2: [{ name: "env_file" }],
    description:
      "Files of environment variables (dotenv format), relative to the configuration file; later ones win, and env wins over all of them.",
    change: "update",
  },
  port: {
    name: "port",
    kind: optional(whole(0, 65_535)),
    default: null,
    why: "apps have a port of their own",
    cli: { flag: "--port", placeholder: "n" },
    pm2: [],
    description: "Sets the environment variable PORT, over env.",
    change: "update",
  },
};
