/** examples/http-express: an Express app that knows nothing of Holdfast, over reloads and kills. */

import { expect, it } from "vitest";
import { Example } from "../support/examples/example.ts";
import { expectShopToAnswer, expectShopToHold, poundShop } from "../support/examples/web.ts";

it("fails no request in five reloads, and by a kill only those inside the killed worker", async () => {
  await using example = await Example.start("http-express");
  expect(await example.workers()).toHaveLength(4);
  expectShopToHold(await poundShop(example));
}, 240_000);

it("answers as a shop", async () => {
  await using example = await Example.start("http-express", { instances: 1 });
  await expectShopToAnswer(example, "{}");
}, 120_000);
