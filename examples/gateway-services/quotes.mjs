// What an item costs: its price depends on how much of it is left, which the service `stock` knows.
import { bus } from "holdfast/bus";
import { ask } from "./ask.mjs";

const slot = Number(process.env.HOLDFAST_SLOT ?? 0);

await bus.reply("quotes.get", async ({ item }, { deadline, signal }) => {
  const { left, by } = await ask("stock.left", { item }, { deadline, signal });
  return { item, left, price: 100 + Math.max(0, 20 - left), by: { quotes: slot, stock: by } };
});

process.send?.("ready");
