import { describe, expect, it } from "vitest";
import { parse, Stand, stats } from "./stand.ts";

const OPENMETRICS = "application/openmetrics-text";
/** What Prometheus 2.42 sends. */
const PROMETHEUS = `${OPENMETRICS};version=1.0.0,${OPENMETRICS};version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1`;

function counter(name: string, series: number) {
  const values = Array.from({ length: series }, (_, n) => ({ value: 1, labels: { n } }));
  return { name, help: `Help of ${name}`, type: "counter", aggregator: "sum", values };
}

function hear(stand: Stand, app: string, metrics: readonly unknown[]): void {
  stand.store.hearMetrics(app, { id: 1, slot: 0 }, { metrics, dropped: 0, maxSeries: 10_000 });
}

describe("the exposition", () => {
  it.each([
    [undefined, "text/plain; version=0.0.4; charset=utf-8"],
    ["*/*", "text/plain; version=0.0.4; charset=utf-8"],
    ["text/plain", "text/plain; version=0.0.4; charset=utf-8"],
    [`${OPENMETRICS};q=0`, "text/plain; version=0.0.4; charset=utf-8"],
    [`text/plain;q=0.9,${OPENMETRICS};q=0.3`, "text/plain; version=0.0.4; charset=utf-8"],
    [OPENMETRICS, "application/openmetrics-text; version=1.0.0; charset=utf-8"],
    [PROMETHEUS, "application/openmetrics-text; version=1.0.0; charset=utf-8"],
  ])("for Accept: %s is %s", async (accept, contentType) => {
    const stand = new Stand();
    stand.ready("a", 1, 0);
    const rendered = await stand.exposition.render(accept);
    expect(rendered.contentType).toBe(contentType);
    expect(rendered.body.endsWith("# EOF\n")).toBe(contentType.startsWith(OPENMETRICS));
    expect(rendered.body).toMatch(/^# HELP holdfast_build_info /);
    expect(rendered.body).toContain('holdfast_build_info{version="1.2.3",node_version="');
  });

  it("names counters alike in both formats, OpenMetrics their family without _total", async () => {
    const stand = new Stand();
    stand.ready("a", 1, 0);
    hear(stand, "a", [counter("jobs_total", 1)]);
    const text = (await stand.exposition.render()).body;
    const open = (await stand.exposition.render(OPENMETRICS)).body;
    expect(text).toContain("# TYPE jobs_total counter\n");
    expect(open).toContain("# TYPE jobs counter\n");
    // Values are of two moments.
    expect([...parse(open).keys()]).toEqual([...parse(text).keys()]);
  });

  it("one family for all apps that use a name; one of another type stays out", async () => {
    const stand = new Stand();
    for (const app of ["a", "b", "c"]) stand.ready(app, 1, 0);
    for (const app of ["a", "b"]) hear(stand, app, [counter("jobs_total", 1)]);
    hear(stand, "c", [{ ...counter("jobs_total", 1), type: "gauge" }]);
    const { body } = await stand.exposition.render();
    expect(body.match(/# TYPE jobs_total/g)).toHaveLength(1);
    expect(body).toContain('jobs_total{app="a",n="0"} 1\njobs_total{app="b",n="0"} 1\n');
    expect(body).not.toContain('jobs_total{app="c"');
  });

  it("escapes what apps put into labels and help", async () => {
    const stand = new Stand();
    stand.ready("a", 1, 0);
    const values = [{ value: 1, labels: { path: 'a"b\\c\nd 1' } }];
    hear(stand, "a", [{ ...counter("jobs_total", 1), help: "two\nlines", values }]);
    const { body } = await stand.exposition.render();
    expect(body).toContain('jobs_total{app="a",path="a\\"b\\\\c\\nd 1"} 1\n');
    expect(body).toContain("# HELP jobs_total two\\nlines\n");
  });

  it("those who ask at the same time share one text", async () => {
    const stand = new Stand();
    stand.ready("a", 1, 0);
    const [first, second] = await Promise.all([
      stand.exposition.render(),
      stand.exposition.render(),
    ]);
    expect(second).toBe(first);
    expect(await stand.exposition.render()).not.toBe(first);
  });

  it("above 5,000 series the text is kept for a second, each format's its own", async () => {
    const stand = new Stand();
    const worker = stand.ready("a", 1, 0);
    hear(stand, "a", [counter("jobs_total", 5000)]);
    const first = await stand.exposition.render();
    stand.store.hearBeat("a", worker, stats({ connections: 5 }));
    expect(await stand.exposition.render()).toBe(first);
    expect((await stand.exposition.render(OPENMETRICS)).contentType).toContain(OPENMETRICS);
  });
});
