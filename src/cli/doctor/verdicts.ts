/** How a check is said. Pure. */

import type { Check } from "./facts.ts";

export function ok(name: string, what: string): Check {
  return { name, status: "ok", what, fix: null };
}

export function warn(name: string, what: string, fix: string): Check {
  return { name, status: "warn", what, fix };
}

export function fail(name: string, what: string, fix: string): Check {
  return { name, status: "fail", what, fix };
}

export function bytes(count: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  const step = Math.min(
    units.length - 1,
    Math.max(0, Math.floor(Math.log2(Math.max(1, count)) / 10)),
  );
  return `${Number((count / 1024 ** step).toFixed(1))} ${units[step]}`;
}
