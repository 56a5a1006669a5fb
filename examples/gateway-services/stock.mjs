// How much of an item is left. Looking it up takes a little, as a database does.
import { setTimeout as sleep } from "node:timers/promises";
import { bus } from "holdfast/bus";

const slot = Number(process.env.HOLDFAST_SLOT ?? 0);
const ITEMS = 1000;
const LOOK_UP_MS = 15;

await bus.reply("stock.left", async ({ item }, { signal }) => {
  await sleep(LOOK_UP_MS, undefined, { signal });
  if (item >= ITEMS) throw Object.assign(new Error(`no item ${item}`), { code: "E_NO_SUCH_ITEM" });
  return { left: item % 40, by: slot };
});

process.send?.("ready");
