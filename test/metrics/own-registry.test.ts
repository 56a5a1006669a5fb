/** Real workers with prom-client inside. */

import { describe, expect, it } from "vitest";
import { embed, puppet } from "../supervisor/embedded.ts";
import { fixture } from "../support/holdfast.ts";
import { until } from "../support/until.ts";
import { parse, type Scrape } from "./stand.ts";

async function setting(metrics: { merge?: boolean; maxSeries?: number } | false) {
  const script = fixture("apps/own-metrics.mjs");
  const own = await puppet({ script, name: "shop", instances: 2, metrics });
  const { supervisor } = embed(own);
  await supervisor.start();
  let orders = 0;
  return {
    supervisor,
    async order(count: number): Promise<number> {
      for (let one = 0; one < count; one += 1) {
        const url = `http://127.0.0.1:${own.port}/`;
        await (await fetch(url, { headers: { connection: "close" } })).text();
      }
      orders += count;
      return orders;
    },
    scrape: async (): Promise<Scrape> => parse((await supervisor.metrics()).body),
  };
}

const ORDERS = 'orders_total{app="shop",kind="book"}';
const MAILS = 'mails_total{app="shop"}';

describe("an app's own registry", () => {
  it("is merged over its workers, and outlives them", async () => {
    const { supervisor, order, scrape } = await setting({ merge: true });
    let orders = await order(20);
    await until(async () => (await scrape()).get(ORDERS) === orders, { what: "20 orders" });
    orders = await order(7);
    await supervisor.reload();
    orders = await order(5);
    const lines = await until(
      async () => {
        const found = await scrape();
        expect(found.get(ORDERS)).toBeGreaterThanOrEqual(20);
        return found.get(ORDERS) === orders && found.get(MAILS) === orders && found;
      },
      { what: `${orders} orders` },
    );
    expect(lines.get('order_size_bucket{app="shop",le="10"}')).toBe(orders);
    expect(lines.get('order_size_sum{app="shop"}')).toBe(orders * 5);
    expect(lines.get('queue_length{app="shop"}')).toBe(2);
    expect(lines.get('holdfast_metrics_dropped_series_total{app="shop"}')).toBe(0);
  });

  it("only what is handed over without `merge`, cut at `maxSeries`, which is told", async () => {
    const { order, scrape } = await setting({ maxSeries: 0 });
    await order(1);
    const name = 'holdfast_metrics_dropped_series_total{app="shop"}';
    const lines = await until(
      async () => {
        const found = await scrape();
        return found.get(name) === 2 && found;
      },
      { what: "a series dropped of each worker" },
    );
    expect([...lines.keys()].filter((line) => /^(orders|mails)/.test(line))).toEqual([]);
  });
});
