/** Where the rotating process begins; see rotator.ts. */

import { type RotationOrder, rotateAll } from "./rotator.ts";

const order = JSON.parse(process.argv[2] ?? "{}") as RotationOrder;
await rotateAll(order, (result) => process.stdout.write(`${JSON.stringify(result)}\n`));
