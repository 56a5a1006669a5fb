// Readings of sensors, shared among all workers: each goes to one of them, which acknowledges it when it is stored.
import { setTimeout as sleep } from "node:timers/promises";
import { onActivate, onDrain, slot } from "holdfast/worker";
import mqtt from "mqtt";
import { leaveGroup } from "./leave.mjs";

const { MQTT_URL = "mqtt://127.0.0.1:1883" } = process.env;
const READINGS = "$share/stores/telemetry/+";
const STORING_MS = 5;
/** The broker hands out so many that are not acknowledged, and keeps the session of a slot that is empty so long. */
const properties = { receiveMaximum: 10, sessionExpiryInterval: 3600 };

let client;
let working = Promise.resolve();
let isLeaving = false;

/** Storing takes a little, as a database does; what is stored is a line, and is in the log when this is done. */
async function store({ topic, payload, dup }) {
  await sleep(STORING_MS);
  const [, sensor] = topic.split("/");
  const reading = { sensor, value: payload.toString(), slot, pid: process.pid, dup };
  console.log(JSON.stringify(reading));
}

// MQTT.js calls it for one message after the other, and acknowledges each when it is told that it is done.
function handleMessage(packet, done) {
  // With an error it is not acknowledged: the session keeps it for the successor.
  if (isLeaving) return done(new Error("this worker leaves"));
  // Where storing fails this ends the process, and the message comes again.
  working = store(packet).then(() => done());
}

// A new worker that cannot reach the broker does not become ready, and the old one goes on.
const trial = await mqtt.connectAsync(MQTT_URL, { protocolVersion: 5 });
await trial.endAsync();
process.send?.("ready");

// The slot's session, which two processes at once would take from one another without end.
onActivate(async () => {
  const session = { clientId: `telemetry-${slot}`, clean: false, properties };
  client = mqtt.connect(MQTT_URL, { protocolVersion: 5, ...session });
  client.handleMessage = handleMessage;
  client.on("error", (error) => console.error(error.message));
  await client.subscribeAsync(READINGS, { qos: 1 });
});

onDrain("consumers", async ({ reason }) => {
  if (!client) return;
  if (reason === "scale_down") return leaveGroup(client, READINGS);
  isLeaving = true;
  await working;
  await client.endAsync();
});
