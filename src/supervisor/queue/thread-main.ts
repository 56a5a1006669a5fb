/** Where the thread of the durable queues begins. Bundled to one CommonJS file: Node 20 loads no other in a thread. */

import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import type { ThreadOrder } from "./calls.ts";
import { runThread } from "./thread.ts";

void runThread(parentPort as MessagePort, workerData as ThreadOrder);
