/** examples/monitoring: rules and dashboard name what is exported, and Prometheus's own tool finds them right. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { FAMILIES, LABEL_VALUES } from "../../src/metrics/families.ts";
import { fixture } from "../support/holdfast.ts";
import { House } from "../support/house.ts";
import { hasPrometheus, promtool } from "../support/prometheus.ts";

const at = (file: string): string =>
  fileURLToPath(new URL(`../../examples/monitoring/${file}`, import.meta.url));
const read = (file: string): string => readFileSync(at(file), "utf8");

interface Dashboard {
  readonly uid: string;
  readonly panels: readonly {
    readonly id: number;
    readonly title: string;
    readonly targets?: readonly { readonly expr: string }[];
  }[];
  readonly annotations: { readonly list: readonly { readonly expr: string }[] };
  readonly templating: { readonly list: readonly { readonly query: unknown }[] };
}
const dashboard = JSON.parse(read("grafana/holdfast.json")) as Dashboard;
const panels = dashboard.panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr }) => [title, expr] as const),
);
const variables = dashboard.templating.list.map(({ query }) => JSON.stringify(query));
const expressions = [
  ...panels.map(([, expr]) => expr),
  ...dashboard.annotations.list.map(({ expr }) => expr),
];
const rules = read("alerts.yml");
const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map((match) => match[1] as string);

/** Labels that Prometheus gives to what it scrapes, and those of buckets. */
const SCRAPED = ["instance", "job", "le"];

/** The family a series belongs to; undefined where nothing of that name is exported. */
function familyOf(series: string): keyof typeof FAMILIES | undefined {
  const names = Object.keys(FAMILIES) as (keyof typeof FAMILIES)[];
  return names.find((name) =>
    FAMILIES[name].type === "histogram"
      ? ["_bucket", "_count", "_sum"].some((part) => series === `${name}${part}`)
      : series === name,
  );
}

/** Series, labels and values of labels that are named and not exported. */
function unknownIn(text: string): string[] {
  const recorded = [...rules.matchAll(/- record: (\S+)/g)].map((match) => match[1]);
  const named = [...text.matchAll(/holdfast:[\w:]+/g)].map(([name]) => name);
  const faults = named.filter((name) => !recorded.includes(name));
  for (const [, series = "", , selector = ""] of text.matchAll(/\b(holdfast_\w+)(\{([^}]*)\})?/g)) {
    const family = familyOf(series);
    if (family === undefined) {
      faults.push(series);
      continue;
    }
    const labels: readonly string[] = [...FAMILIES[family].labels, ...SCRAPED];
    for (const [, label = "", operator, value = ""] of selector.matchAll(
      /(\w+)(=~|!=|=)\\?"([^"\\]*)/g,
    )) {
      const values = LABEL_VALUES[family]?.[label];
      if (!labels.includes(label)) faults.push(`${series}{${label}}`);
      else if (operator !== "=~" && values && !values.includes(value))
        faults.push(`${label}="${value}"`);
    }
  }
  return faults;
}

describe("the names", () => {
  it("are found wrong where they are", () => {
    expect(unknownIn('rate(holdfast_worker_exits_total{app="a", reason="boredom"}[5m])')).toEqual([
      'reason="boredom"',
    ]);
    expect(unknownIn("holdfast_worker_exits")).toEqual(["holdfast_worker_exits"]);
    expect(unknownIn('holdfast_app_up{pid="1"} > holdfast:nothing')).toEqual([
      "holdfast:nothing",
      "holdfast_app_up{pid}",
    ]);
    expect(unknownIn("holdfast_http_request_duration_seconds")).toHaveLength(1);
  });

  it.each(panels)("of the panel %s are exported: %s", (_, expr) =>
    expect(unknownIn(expr)).toEqual([]),
  );

  it("of variables, annotations and alerts are exported", () => {
    expect(unknownIn([...variables, ...expressions].join("\n"))).toEqual([]);
    expect(unknownIn(rules)).toEqual([]);
    expect(unknownIn(read("alerts.test.yml"))).toEqual([]);
  });

  it("of panels are numbers of their own", () => {
    const ids = dashboard.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(panels.length).toBeGreaterThan(20);
  });
});

describe("the alerts", () => {
  it("each have a test in which they fire", () => {
    const tested = [
      ...read("alerts.test.yml").matchAll(/alertname: (\w+)\n\s+exp_alerts:\n\s+- exp/g),
    ];
    expect(tested.map((match) => match[1]).sort()).toEqual([...alerts].sort());
    expect(read("README.md")).toContain(`${alerts.length} alerts`);
  });
});

// skip: only a machine with Prometheus can tell; .ci/run installs it where it may
describe.skipIf(!hasPrometheus())("promtool", () => {
  it.each([
    ["check", "config", "prometheus.yml"],
    ["check", "rules", "alerts.yml"],
    ["test", "rules", "alerts.test.yml"],
  ])("%s %s %s", (verb, what, file) => {
    const { status, output } = promtool([verb, what, at(file)]);
    expect(status, output).toBe(0);
  });

  it("understands every expression of the dashboard", () => {
    const directory = mkdtempSync(join(tmpdir(), "hf-rules-"));
    try {
      const file = join(directory, "rules.yml");
      const written = expressions.map((expr, index) => ({
        record: `panel:${index}`,
        expr: expr.replaceAll("$__rate_interval", "1m"),
      }));
      writeFileSync(file, JSON.stringify({ groups: [{ name: "panels", rules: written }] }));
      const { status, output } = promtool(["check", "rules", file]);
      expect(status, output).toBe(0);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it("finds nothing to say about what is exported", async () => {
    await using house = new House();
    const app = { name: "api", script: fixture("puppet.mjs"), instances: 2, env: { PORT: "0" } };
    await house.ok(["start", "-"], { input: JSON.stringify(app) });
    const { stdout } = await house.ok(["metrics"]);
    expect(promtool(["check", "metrics"], stdout)).toEqual({ status: 0, output: "" });
  });
});

describe("docker-compose.yml", () => {
  it("mounts files that are there, and opens nothing to others", () => {
    const text = read("docker-compose.yml");
    const mounted = [...text.matchAll(/- (\.\/[^:]+):/g)].map((match) => match[1] as string);
    expect(mounted.length).toBeGreaterThan(3);
    expect(mounted.filter((file) => !existsSync(at(file)))).toEqual([]);
    expect(text).toContain("--web.listen-address=127.0.0.1:9090");
    expect(text).toContain("GF_SERVER_HTTP_ADDR: 127.0.0.1");
    expect(text).not.toContain("ports:");
  });
});
