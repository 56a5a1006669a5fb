/** examples/http-fastify: a Fastify app as its documentation writes it, over reloads and kills. */

import { expect, it } from "vitest";
import { Example } from "../support/examples/example.ts";
import { expectShopToAnswer, expectShopToHold, poundShop } from "../support/examples/web.ts";

const QUIET = { env: { LOG_LEVEL: "warn" } };

it("fails no request in five reloads, and by a kill only those inside the killed worker", async () => {
  await using example = await Example.start("http-fastify", QUIET);
  expect(await example.workers()).toHaveLength(4);
  expectShopToHold(await poundShop(example));
  // Each of the four workers that left in each of the five reloads has run the app's own clean-up; killed ones cannot.
  const { stdout } = await example.house.ok(["logs", "fastify", "--raw", "--lines", "all"]);
  expect(stdout.match(/"msg":"closed"/g)).toHaveLength(20);
}, 240_000);

it("answers as a shop", async () => {
  await using example = await Example.start("http-fastify", { instances: 1, ...QUIET });
  await expectShopToAnswer(example, '{"lines":[{"price":5}]}');
}, 120_000);
