/** The lines of every family. A family of the table without lines here does not compile. Pure. */

import type { FamilyName } from "./families.ts";
import type { Labels, Sample } from "./histogram.ts";
import type { Scene } from "./scene.ts";
import { APP_VALUES } from "./values-app.ts";
import { BUS_VALUES } from "./values-bus.ts";
import { WORKER_VALUES } from "./values-worker.ts";

/** `name` is that of the family: the parts of histograms begin with it. */
export type Lines = (scene: Scene, name: FamilyName) => Sample[];

const SUPERVISOR_VALUES = {
  holdfast_build_info: ({ version }: Scene) => [
    line({ version, node_version: process.versions.node }, 1),
  ],
  holdfast_supervisor_start_time_seconds: ({ startedAt }: Scene) => [
    line({}, startedAt.wall / 1000),
  ],
  holdfast_supervisor_cpu_seconds_total: ({ process: { cpu } }: Scene) => [
    line({ mode: "user" }, cpu.user / 1e6),
    line({ mode: "system" }, cpu.system / 1e6),
  ],
  holdfast_supervisor_resident_memory_bytes: ({ process: { residentBytes } }: Scene) => [
    line({}, residentBytes),
  ],
  holdfast_supervisor_eventloop_seconds_total: ({ process: { loop } }: Scene) => [
    line({ state: "active" }, loop.active / 1000),
    line({ state: "idle" }, loop.idle / 1000),
  ],
  holdfast_heir_up: ({ succession }: Scene) =>
    succession === null ? [] : [line({}, succession.pid === null ? 0 : 1)],
  holdfast_takeovers_total: ({ succession }: Scene) =>
    succession === null ? [] : [line({}, succession.takeovers)],
} as const;

export const VALUES: Readonly<Record<FamilyName, Lines>> = {
  ...SUPERVISOR_VALUES,
  ...APP_VALUES,
  ...WORKER_VALUES,
  ...BUS_VALUES,
};

function line(labels: Labels, value: number): Sample {
  return { labels, value };
}
