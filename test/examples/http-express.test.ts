/** examples/http-express: an Express app that knows nothing of Holdfast, over reloads and kills. */

import { expect, it } from "vitest";
import { Example } from "../support/examples/example.ts";
import { expectShopToHold, poundShop } from "../support/examples/web.ts";

it("fails no request in five reloads, and by a kill only those inside the killed worker", async () => {
  await using example = await Example.start("http-express");
  expect(await example.workers()).toHaveLength(4);
  expectShopToHold(await poundShop(example));
}, 240_000);

it("answers as a shop", async () => {
  await using example = await Example.start("http-express", { instances: 1 });
  const address = await example.address();
  const item = await fetch(`http://${address}/items/7`);
  expect(await item.json()).toMatchObject({ id: 7, price: 107 });
  const headers = { "content-type": "application/json" };
  const order = (body: string) =>
    fetch(`http://${address}/orders`, { method: "POST", headers, body });
  const taken = await order(JSON.stringify({ lines: [{ price: 5, quantity: 3 }] }));
  expect([taken.status, await taken.json()]).toMatchObject([201, { lines: 1, total: 15 }]);
  expect((await order("{}")).status).toBe(400);
}, 120_000);
