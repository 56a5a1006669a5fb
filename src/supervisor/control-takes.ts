/** Reads what clients of the control socket send beside the verb. What makes no sense is told as such: HF_CONFIG_INVALID. */

import { received } from "../config/received.ts";
import { HoldfastError } from "../errors.ts";
import type { Apply, WireApp } from "../link/control.ts";

/** The words that name apps; none where there are none. */
export function targetsIn(takes: unknown): readonly string[] {
  const { targets = [] } = fieldsOf(takes);
  if (Array.isArray(targets) && targets.every((each) => typeof each === "string")) return targets;
  throw bad("targets", targets, "a list of names");
}

export function textIn(takes: unknown, field: string): string {
  const text = fieldsOf(takes)[field];
  if (typeof text === "string") return text;
  throw bad(field, text, "a text");
}

/** As it is written on a command line. */
export function instancesIn(takes: unknown): string {
  const { instances } = fieldsOf(takes);
  return typeof instances === "number" ? String(instances) : textIn(takes, "instances");
}

/** `options` of the apps are whatever was sent: they are to be read as a configuration. */
export function applyIn(takes: unknown): Apply {
  const { apps, configFile = null, environment = {}, ...flags } = fieldsOf(takes);
  if (!Array.isArray(apps)) throw bad("apps", apps, "a list of apps");
  if (configFile !== null && typeof configFile !== "string") {
    throw bad("configFile", configFile, "a path or null");
  }
  if (!isVariables(environment)) {
    throw bad("environment", environment, "an object of names and strings");
  }
  return {
    apps: apps.map((app): WireApp => ({ options: (fieldsOf(app).options ?? app) as never })),
    configFile,
    environment,
    updateEnv: flags.updateEnv === true,
    prune: flags.prune === true,
    dryRun: flags.dryRun === true,
    reload: flags.reload === true,
  };
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function isVariables(value: unknown): value is Readonly<Record<string, string>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((each) => typeof each === "string");
}

function bad(path: string, value: unknown, expected: string): HoldfastError {
  const message = `received ${received(value)}, expected ${expected}`;
  return new HoldfastError("HF_CONFIG_INVALID", { faults: [{ path, message }] });
}
