/** Clients that have sessions with apps/sessions.mjs, of every kind; what they see goes into a record. */

import type { Agent } from "node:http";
import { Readable } from "node:stream";
import { EventSource } from "eventsource";
import { io, type Socket } from "socket.io-client";
import { WebSocket } from "ws";
import { describeError } from "../ledger.ts";
import { type Run, startClients } from "../load/run.ts";
import type { Load, Target } from "../load.ts";
import { after } from "../output.ts";
import { askJson, Jar, open } from "./client.ts";
import { ANSWER_WITHIN_MS, type Record } from "./oracle.ts";

export interface Place extends Target {
  /** The connections that sessions of plain HTTP share. */
  readonly agent: Agent;
  readonly record: Record;
  /** Mean pause between two words of a session. */
  readonly paceMs: number;
}

interface Page {
  readonly pid: number;
  readonly n: number;
  readonly isNew: boolean;
}

/** One client of a kind, until the run stops. */
type Client = (run: Run, place: Place, name: string) => Promise<void>;

const kinds = {
  http: httpSession,
  ws: wsSession,
  sse: sseSession,
  "sio-upgrade": (run, place, name) => socketIo(run, place, name, ["polling", "websocket"], false),
  "sio-upgrade-cookie": (run, place, name) =>
    socketIo(run, place, name, ["polling", "websocket"], true),
  "sio-polling": (run, place, name) => socketIo(run, place, name, ["polling"], false),
  "sio-polling-cookie": (run, place, name) => socketIo(run, place, name, ["polling"], true),
} satisfies { readonly [kind: string]: Client };

export type Kind = keyof typeof kinds;

/** So many sessions of a kind. */
export function startSessions(kind: Kind, clients: number, place: Place): Load {
  return startClients(kind, { ...place, clients }, null, async (run, index) => {
    // Not all in one breath.
    await run.pause((index / clients) * place.paceMs);
    await kinds[kind](run, place, `${kind}-${index}`);
  });
}

function think(run: Run, { paceMs }: Place): Promise<void> {
  return run.pause(paceMs * (0.5 + Math.random()));
}

/** Loads the page; null when that failed, which is on the record. */
async function page(place: Place, jar: Jar, name: string): Promise<Page | null> {
  try {
    const loaded = await askJson<Page>(place, "/session", { jar, agent: place.agent });
    place.record.answered(name, loaded.pid);
    return loaded;
  } catch (error) {
    place.record.lost(name, describeError(error));
    return null;
  }
}

async function httpSession(run: Run, place: Place, name: string): Promise<void> {
  const jar = new Jar();
  let last: Page | null = null;
  while (!run.stopping) {
    const next: Page | null = await page(place, jar, name);
    // A failed request may have been counted by the app.
    if (next && last?.pid === next.pid && (next.isNew || next.n !== last.n + 1)) {
      // A proxy may have asked twice because the first answer was lost.
      place.record.lost(name, `${JSON.stringify(next)} after ${JSON.stringify(last)}`);
    }
    last = next;
    await think(run, place);
  }
}

async function wsSession(run: Run, place: Place, name: string): Promise<void> {
  const jar = new Jar();
  for (let visit = 0; !run.stopping; visit += 1) {
    const loaded = await page(place, jar, name);
    if (loaded) {
      // It belongs to the page it was opened by; where that has moved meanwhile the next page tells.
      const session = `${name}#${visit}`;
      place.record.answered(session, loaded.pid);
      await wsTalk(run, place, session, jar);
    }
    await think(run, place);
  }
}

/** From the handshake to a close at a random time, or one from the other side. */
async function wsTalk(run: Run, place: Place, name: string, jar: Jar): Promise<void> {
  const { record } = place;
  const socket = new WebSocket(`${place.tls ? "wss" : "ws"}://127.0.0.1:${place.port}/ws`, {
    ...{ headers: { cookie: jar.header }, rejectUnauthorized: false, handshakeTimeout: 10_000 },
  });
  socket.on("upgrade", (response) => jar.take(response.headers["set-cookie"]));
  let fault = "";
  let isLeaving = false;
  let echo = (_text: string): void => {};
  socket.on("error", (error) => (fault = describeError(error)));
  socket.on("message", (data) => {
    const text = String(data);
    if (text.startsWith("{")) {
      record.count("ws opened");
      record.answered(name, (JSON.parse(text) as { pid: number }).pid);
    } else echo(text);
  });
  const closed = new Promise<void>((resolve) => {
    socket.once("close", (code) => {
      if (!isLeaving) record.lost(name, code === 1012 ? "ended with 1012" : `${code} ${fault}`);
      resolve();
    });
  });
  const opened = new Promise<boolean>((resolve) => {
    socket.once("open", () => resolve(true));
    socket.once("close", () => resolve(false));
  });
  if (!(await opened)) return;
  const over = closed.then(() => null);
  for (let left = 1 + Math.floor(Math.random() * 6); left > 0 && !run.stopping; left -= 1) {
    const text = `${name} ${left}`;
    const back = new Promise<string>((resolve) => (echo = resolve));
    socket.send(text);
    const got = await Promise.race([back, over, after(ANSWER_WITHIN_MS)]);
    if (got === null) return;
    if (got === undefined) {
      record.lost(name, "no echo");
      break;
    }
    if (got !== text) record.wrong(name, `${got} instead of ${text}`);
    await Promise.race([think(run, place), over]);
  }
  isLeaving = true;
  socket.close(1000);
  const timer = setTimeout(() => socket.terminate(), 1000);
  await closed;
  clearTimeout(timer);
}

/** The stream is ended by the app again and again; the client comes back with its last event's id. */
async function sseSession(run: Run, place: Place, name: string): Promise<void> {
  const { record } = place;
  const jar = new Jar();
  while (!run.stopping && !(await page(place, jar, name))) await think(run, place);
  if (run.stopping) return;
  const source = new EventSource(`http://127.0.0.1:${place.port}/events?count=5`, {
    fetch: async (_url, { headers, signal }) => {
      const response = await open(place, "/events?count=5", { jar, headers });
      const status = response.statusCode ?? 0;
      record.count("sse opened");
      response.once("error", (error) => record.lost(name, describeError(error)));
      signal?.addEventListener("abort", () => response.removeAllListeners("error").destroy());
      return {
        ...{ status, url: _url.toString(), redirected: false },
        body: Readable.toWeb(response) as never,
        headers: { get: (key: string) => String(response.headers[key.toLowerCase()] ?? "") },
      };
    },
  });
  let last = 0;
  source.addEventListener("message", ({ data }) => {
    const { pid, n } = JSON.parse(data) as { pid: number; n: number };
    record.answered(name, pid);
    if (n !== last + 1) record.wrong(name, `event ${n} after ${last}`);
    last = n;
  });
  source.addEventListener("error", (event) => {
    if (event.code !== undefined || source.readyState === EventSource.CLOSED)
      record.lost(name, `event stream: ${event.code} ${event.message}`);
  });
  while (!run.stopping) await run.pause(1000);
  source.close();
}

async function socketIo(
  run: Run,
  place: Place,
  name: string,
  transports: string[],
  hasCookies: boolean,
): Promise<void> {
  const jar = new Jar();
  while (!run.stopping) {
    const loaded = hasCookies ? await page(place, jar, name) : null;
    if (!hasCookies || loaded) {
      const socket = io(`${place.tls ? "https" : "http"}://127.0.0.1:${place.port}`, {
        ...{ transports, forceNew: true, reconnection: false, rejectUnauthorized: false },
        timeout: 6000,
        ...(hasCookies && { extraHeaders: { cookie: jar.header } }),
      });
      await socketIoTalk(run, place, name, loaded, socket);
    }
    await think(run, place);
  }
}

/** From the handshake to the end of a random time, or of the connection. */
async function socketIoTalk(
  run: Run,
  { record, ...place }: Place,
  name: string,
  opener: Page | null,
  socket: Socket,
): Promise<void> {
  let session = name;
  /** When its upgrade was cut, which may show only at the next echo. */
  let cutAt: number | null = null;
  const heard = (pid: number): void => record.told(session, socket.io.engine.id ?? "", pid);
  let end = (): void => {};
  const over = new Promise<null>((resolve) => {
    end = () => resolve(null);
  });
  socket.on("connect_error", (error) => {
    record.lost(session, `connect: ${saidBy(error)}`);
    end();
  });
  socket.on("disconnect", (reason, details) => {
    if (reason === "transport close") record.lost(session, "ended by transport close");
    else if (reason !== "io client disconnect")
      record.lost(session, `${reason} ${saidBy(details)}`);
    end();
  });
  socket.io.on("open", () => {
    session = `${name}#${socket.io.engine.id}`;
    if (opener) record.answered(session, opener.pid);
    socket.io.engine.on("upgrade", () => record.count("sio upgraded"));
    socket.io.engine.on("upgradeError", (error) => {
      // The session was ended meanwhile, which is told below.
      cutAt ??= Date.now();
      if (/(?:socket|transport) closed/.test(error.message)) return;
      record.lost(session, `upgrade: ${saidBy(error)}`);
    });
  });
  socket.on("pid", heard);
  const connected = new Promise((resolve) => socket.once("connect", () => resolve(null)));
  const begun = await Promise.race([over, connected, run.pause(2 * ANSWER_WITHIN_MS)]);
  if (begun === undefined && !run.stopping) record.lost(session, "not connected");
  for (let left = 2 + Math.floor(Math.random() * 8); left > 0 && socket.connected; left -= 1) {
    const asked = socket.timeout(ANSWER_WITHIN_MS).emitWithAck("echo", left) as Promise<{
      pid: number;
      value: number;
    }>;
    const from = Date.now();
    const got = await Promise.race([asked.catch((error: unknown) => describeError(error)), over]);
    if (typeof got === "string") {
      const inUpgrade = cutAt === null ? "" : "cut in its upgrade: ";
      record.lost(session, `${inUpgrade}no echo: ${got}`, cutAt ?? from);
      break;
    }
    if (got) {
      heard(got.pid);
      if (got.value !== left) record.wrong(session, `${got.value} instead of ${left}`);
    }
    if (run.stopping) break;
    await Promise.race([think(run, { record, ...place }), over]);
  }
  socket.disconnect();
}

/** What an error of engine.io's client hides in its parts. */
function saidBy(error: unknown): string {
  const { message, description, context } = (error ?? {}) as {
    readonly message?: string;
    readonly description?: unknown;
    readonly context?: { readonly responseText?: string; readonly status?: number };
  };
  const inner = describeError((description as { readonly error?: unknown })?.error ?? description);
  return `${message ?? ""} ${inner} ${context?.status ?? ""} ${context?.responseText ?? ""}`.trim();
}
