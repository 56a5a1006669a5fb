/**
 * `npm run chaos -- --minutes 30 --seed 7`. Further: --rounds <n> instead of minutes, --without <kind,...> leaves actions out,
 * --no-heir those that need an heir; --go-on when there are faults, --cli <file> takes another built command, --misbehave reset|lose tests the test.
 */

import { parseArgs } from "node:util";
import { runChaos } from "./chaos.ts";
import { KINDS, type Kind } from "./schedule.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "30" },
    rounds: { type: "string" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
    without: { type: "string", default: "" },
    "go-on": { type: "boolean", default: false },
    "no-heir": { type: "boolean", default: false },
    cli: { type: "string" },
    misbehave: { type: "string" },
  },
});

const without = new Set(values.without.split(",").filter((kind) => kind !== "") as Kind[]);
for (const kind of without) {
  if (!KINDS.includes(kind)) throw new Error(`--without ${kind}: there are ${KINDS.join(", ")}`);
}
const deadline = performance.now() + Number(values.minutes) * 60_000;
let isInterrupted = false;
process.once("SIGINT", () => {
  isInterrupted = true;
  console.log("ends with this round; once more ends it at once");
});

const { faults, log, kept } = await runChaos({
  seed: Number(values.seed),
  without,
  goOn: values["go-on"],
  noHeir: values["no-heir"],
  keep: true,
  cli: values.cli,
  ...(values.misbehave === undefined ? {} : { misbehave: values.misbehave }),
  isOver: (round) =>
    isInterrupted ||
    (values.rounds === undefined
      ? performance.now() >= deadline
      : round + 1 >= Number(values.rounds)),
  say: (line) => console.log(line),
});

for (const fault of faults) console.log(`FAULT ${fault}`);
if (faults.length > 0) {
  console.log(`${faults.length} faults with seed ${values.seed}`);
  console.log(`--- the end of the supervisor's log\n${log}\n---`);
  console.log(`the home is kept: ${kept}`);
  process.exitCode = 1;
} else {
  console.log(`no fault with seed ${values.seed}`);
}
