/** The workers of a contender, met by asking. */

import { get } from "node:http";
import { pause } from "./children.mjs";

const ANSWER_WITHIN_MS = 30_000;
const ASK_AGAIN_MS = 25;

/**
 * Asks who answers, on new connections, many at once, until so many workers have.
 * @param {number} port
 * @param {number} count
 * @returns {Promise<number[]>} their pids
 */
export async function whenAllAnswer(port, count) {
  const pids = new Set();
  const deadline = performance.now() + ANSWER_WITHIN_MS;
  while (pids.size < count) {
    if (performance.now() > deadline) {
      throw new Error(`${pids.size} of ${count} workers answered within ${ANSWER_WITHIN_MS} ms`);
    }
    const answers = await ask(port, "/pid", count * 4);
    for (const answer of answers) pids.add(Number(answer));
    await pause(ASK_AGAIN_MS);
  }
  return [...pids];
}

/**
 * So many requests at once, each on a connection of its own; what failed is left out.
 * @param {number} port
 * @param {string} path
 * @param {number} count
 */
export async function ask(port, path, count) {
  const answers = await Promise.allSettled(Array.from({ length: count }, () => one(port, path)));
  return answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
}

/**
 * @param {number} port
 * @param {string} path
 * @returns {Promise<string>}
 */
function one(port, path) {
  return new Promise((resolve, reject) => {
    const options = { port, path, host: "127.0.0.1", agent: false, timeout: 2000 };
    const request = get(options, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => resolve(text));
      response.on("error", reject);
    });
    request.on("timeout", () => request.destroy(new Error("no answer")));
    request.on("error", reject);
  });
}
