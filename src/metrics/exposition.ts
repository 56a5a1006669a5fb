/** The text for Prometheus. The only file that knows prom-client, which is loaded when it is first asked for. */

import type { Metric, Registry } from "prom-client";
import { FAMILIES, FAMILY_NAMES } from "./families.ts";
import type { Sample } from "./histogram.ts";
import type { OwnSample } from "./own-metrics.ts";
import type { Scene } from "./scene.ts";
import type { MetricsStore } from "./store.ts";
import { VALUES } from "./values.ts";

export interface Rendered {
  readonly contentType: string;
  readonly body: string;
}

interface Shown {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly values: Sample[];
}

type Format = "text" | "openmetrics";

/** Above so many series the same text is given for a second. */
const MANY_SERIES = 5000;
const KEPT_MS = 1000;

export class Exposition {
  readonly #store: MetricsStore;
  readonly #underWay = new Map<Format, Promise<Rendered>>();
  readonly #kept = new Map<Format, { readonly until: number; readonly rendered: Rendered }>();

  constructor(store: MetricsStore) {
    this.#store = store;
  }

  /** What is known now. `accept` is the request's header; who asks at the same time gets the same text. */
  render(accept?: string): Promise<Rendered> {
    const format = formatFor(accept);
    const kept = this.#kept.get(format);
    if (kept && kept.until > performance.now()) return Promise.resolve(kept.rendered);
    const underWay = this.#underWay.get(format);
    if (underWay) return underWay;
    const rendering = this.#render(format).finally(() => this.#underWay.delete(format));
    this.#underWay.set(format, rendering);
    return rendering;
  }

  async #render(format: Format): Promise<Rendered> {
    // The registry alone: the whole package takes 40 ms to load, in which nothing else happens.
    const { default: Registries } = await import("prom-client/lib/registry.js");
    const scene = await this.#store.scene();
    const shown = [...families(scene), ...ownFamilies(scene)];
    const contentType =
      format === "text" ? Registries.PROMETHEUS_CONTENT_TYPE : Registries.OPENMETRICS_CONTENT_TYPE;
    const registry = new Registries();
    registry.setContentType(contentType as typeof Registries.PROMETHEUS_CONTENT_TYPE);
    for (const family of shown) register(registry, family);
    const rendered = { contentType, body: await registry.metrics() };
    const series = shown.reduce((sum, { values }) => sum + values.length, 0);
    this.#kept.clear();
    if (series > MANY_SERIES)
      this.#kept.set(format, { until: performance.now() + KEPT_MS, rendered });
    return rendered;
  }
}

/**
 * prom-client asks a metric for its values, and renames counters for OpenMetrics before it does. The text of
 * shared labels it remembers: those of workers, most of all there are, are written once.
 */
function register(registry: Registry, family: Shown): void {
  const metric = {
    ...family,
    async get() {
      const values = family.values.map(({ labels, ...rest }) => ({
        ...rest,
        labels: {},
        sharedLabels: labels,
      }));
      return { ...family, name: metric.name, values };
    },
  };
  registry.registerMetric(metric as unknown as Metric);
}

/** Families without a line, such as those of /proc where there is none, are left out. */
function families(scene: Scene): Shown[] {
  return FAMILY_NAMES.map((name) => {
    const { type, help } = FAMILIES[name];
    return { name, help, type, values: VALUES[name](scene, name) };
  }).filter(({ values }) => values.length > 0);
}

/** What apps keep themselves: one family for all apps that use a name. Two types under one name are not possible. */
function ownFamilies({ apps }: Scene): Shown[] {
  const byName = new Map<string, Shown>();
  for (const { view, record } of apps) {
    for (const sample of record.own.samples()) {
      const { name, help, type } = sample;
      const family = byName.get(name) ?? { name, help, type, values: [] };
      byName.set(name, family);
      if (family.type === type) family.values.push(labelled(sample, view.status.name));
    }
  }
  return [...byName.values()];
}

/** Only the parts of histograms have a name of their own: OpenMetrics adds `_total` to that of counters. */
function labelled({ name, metricName, labels, value }: OwnSample, app: string): Sample {
  const part = metricName === name ? undefined : metricName;
  return { labels: { app, ...labels }, value, ...(part !== undefined && { metricName: part }) };
}

/** OpenMetrics where it is asked for and nothing is liked better (RFC 9110, 12.5.1). */
function formatFor(accept = ""): Format {
  const weights = new Map<string, number>();
  for (const range of accept.toLowerCase().split(",")) {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim());
    const weight = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2) ?? "1";
    weights.set(type, Math.max(weights.get(type) ?? 0, Number(weight) || 0));
  }
  const wanted = weights.get("application/openmetrics-text") ?? 0;
  return wanted > 0 && wanted >= (weights.get("text/plain") ?? 0) ? "openmetrics" : "text";
}
