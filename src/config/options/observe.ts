/** What is measured of an app, and when it counts as ready for those around it. Pure data. */

import { METRICS_DEFAULTS, metricsKind, minReadyKind } from "../observe.ts";
import type { Options } from "./option.ts";

export const OBSERVE_OPTIONS: Options<"minReady" | "metrics"> = {
  minReady: {
    name: "minReady",
    kind: minReadyKind,
    default: "50%",
    why: "half of the workers serve while the others are replaced; it is rounded up",
    cli: { flag: "--min-ready", placeholder: "n|50%" },
    pm2: [],
    description: "How many workers must be ready for `/readyz` to call the app ready.",
    change: "update",
  },
  metrics: {
    name: "metrics",
    kind: metricsKind,
    default: METRICS_DEFAULTS,
    why: "what Holdfast measures costs little, while an app's own metrics may be many",
    cli: null,
    pm2: [],
    description:
      "What is measured: with `merge` also the default registry of an app's prom-client, at most `maxSeries` series of it; with false only what watching and replacing workers needs.",
    change: "reload",
  },
};
