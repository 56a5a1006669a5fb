// A shop's API in Express. There is no shutdown code in here, and nothing of Holdfast's.
import { setTimeout as sleep } from "node:timers/promises";
import express from "express";

const { HOST = "127.0.0.1", PORT = "3000" } = process.env;
/** Looking something up takes a little, as with a database. */
const LOOK_UP_MS = 10;

const app = express();
app.disable("x-powered-by");
app.use(express.json({ limit: "1mb" }));

app.get("/items/:id", async (request, response) => {
  await sleep(LOOK_UP_MS);
  const id = Number(request.params.id);
  response.json({ id, price: 100 + (id % 40), pid: process.pid });
});

app.post("/orders", async (request, response) => {
  const { lines } = request.body ?? {};
  if (!Array.isArray(lines)) return response.status(400).json({ error: "an order has lines" });
  await sleep(LOOK_UP_MS);
  const total = lines.reduce((sum, { price, quantity }) => sum + price * quantity, 0);
  response.status(201).json({ lines: lines.length, total, pid: process.pid });
});

const server = app.listen(Number(PORT), HOST, (error) => {
  if (error) throw error;
  console.log(`shop: http://${HOST}:${server.address().port}/items/7`);
});
