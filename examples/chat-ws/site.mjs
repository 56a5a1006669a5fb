// What is no part of the talk itself: the page and its script, who serves, and what is printed at the start.
import cluster from "node:cluster";
import { readFileSync } from "node:fs";
import { slot as numbered } from "holdfast/worker";
import { isAlone } from "./bus.mjs";

const slot = isAlone ? null : numbered;
const supervisor = process.ppid;

const HEADERS = {
  "cache-control": "no-cache",
  "content-security-policy":
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'self' 'unsafe-inline'; img-src data:; connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
};
const HTML = "text/html; charset=utf-8";
const SCRIPT = "text/javascript; charset=utf-8";

/** The page, with the `client.mjs` of that folder. */
export function servePage(folder) {
  const files = new Map([
    ["/", { type: HTML, body: readFileSync(new URL("index.html", import.meta.url)) }],
    ["/client.mjs", { type: SCRIPT, body: readFileSync(new URL("client.mjs", folder)) }],
  ]);
  return (request, response) => {
    const file = files.get(request.url?.split("?")[0]);
    if (!file)
      return response.writeHead(404, { "content-type": "text/plain" }).end("Nothing here.\n");
    response.writeHead(200, { ...HEADERS, "content-type": file.type });
    response.end(request.method === "HEAD" ? undefined : file.body);
  };
}

/** For the page: where it is, and whom to kill. */
export function whoServes() {
  // A worker that another supervisor has adopted does not know that one's pid.
  const isAdopted = process.ppid !== supervisor;
  return { slot, pid: process.pid, primary: isAlone || isAdopted ? null : supervisor };
}

/** What a person typed, without control characters and no longer than `length`. */
export function words(text, length) {
  if (typeof text !== "string") return "";
  return text
    .replace(/\p{Cc}+/gu, " ")
    .trim()
    .slice(0, length);
}

export function announce({ address, port }) {
  const url = `http://${address.includes(":") ? `[${address}]` : address}:${port}`;
  if (isAlone) console.log(`Chat on ${url}, without Holdfast.`);
  // The first worker of all, in slot 0; those that replace it have other ids.
  else if (cluster.worker?.id === 1) console.log(whatToTry(url));
}

function whatToTry(url) {
  return `
  The chat runs. Open ${url} in two or three windows and talk.
  Then, in another terminal, and with an eye on the page:

    ${`kill -HUP ${supervisor}`.padEnd(18)} reload: every worker is replaced, everyone reconnects at once
    ${`kill -9 ${process.pid}`.padEnd(18)} this worker dies: only its own clients reconnect
    ${"Ctrl+C here".padEnd(18)} drain and stop

  What was said is still there afterwards, once, and in the same order everywhere.
`;
}
