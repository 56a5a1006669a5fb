/**
 * Where an event loop stands that does not turn. On SIGUSR1 Node opens its debugger from a thread of its
 * own ("Debugging Node.js", all supported versions), so that it answers while JavaScript is busy. It listens on
 * a port of its own on loopback, and only who can read the worker's stderr learns the secret in its address
 * (`--inspect-publish-uid=stderr`). A thread in each worker that watches could tell the same, and costs 6
 * to 10 MB of memory per worker; this costs nothing until a worker hangs.
 */

import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { CALLS } from "../core/exits.ts";
import { waitChannelOf } from "../system/main-thread.ts";
import { listensAt } from "../system/proc.ts";

const AGENT = fileURLToPath(new URL("../../agent.cjs", import.meta.url));

/** Far more than it takes, for busy machines: what is late would be taken for native code. */
const OPENS_WITHIN_MS = 1000;
const LOOK_EVERY_MS = 20;
/** JavaScript stops for the debugger at its next loop or call. */
const STOPS_WITHIN_MS = 3000;
const NEWS_WITHIN_MS = 50;
/** So many calls are told, and more where they are Node's own, so that those for a sentence are among them. */
const DEEPEST = 30;
const LONGEST_MESSAGE_BYTES = 16 * 1024 * 1024;

export interface Inspected {
  readonly pid: number;
  /** Where its debugger listens already; null: it is yet to be opened. */
  readonly url: string | null;
  lastLines(): readonly string[];
  /** Sends SIGUSR1. */
  open(): void;
}

export interface Finding {
  /** One call a line, the innermost first, or words where it does not stand in JavaScript. */
  readonly stack: string;
  /** A debugger of somebody's has stopped it. */
  readonly isHeld: boolean;
}

/** Asks where it stands. Null: its debugger cannot be reached. Never rejects. */
export async function inspect(worker: Inspected): Promise<Finding | null> {
  const { pid, url } = worker;
  try {
    if (url !== null && !isOf(url, pid)) return null;
    const address = url ?? (await opened(worker));
    // Node opens it as soon as it is in JavaScript, and not before.
    if (address === null) return { stack: elsewhere(pid), isHeld: false };
    const { stack, isHeld } = await ask(address);
    return { stack: stack ?? elsewhere(pid), isHeld };
  } catch {
    // It ended meanwhile, or somebody's debugger was faster: the silence decides without a stack.
    return null;
  }
}

/** Opens the debugger and waits for the line in which it says where it listens. */
async function opened({ pid, lastLines, open }: Inspected): Promise<string | null> {
  // It may have been open before, at the same port with another secret.
  const before = addressesIn(lastLines());
  open();
  const until = performance.now() + OPENS_WITHIN_MS;
  // This process may not have run all the while: after the last pause it looks once more.
  for (let isOver = false; ; isOver = performance.now() > until) {
    const addresses = addressesIn(lastLines());
    const url = addresses.find((found) => !before.includes(found) && isOf(found, pid));
    if (url !== undefined) return url;
    // It was open already: then nothing new is said.
    if (isOver) return before.findLast((found) => isOf(found, pid)) ?? null;
    await pause(LOOK_EVERY_MS);
  }
}

function addressesIn(lines: readonly string[]): readonly string[] {
  const said = /^Debugger listening on (ws:\/\/127\.0\.0\.1:\d+\/[\w-]+)$/;
  return lines.flatMap((line) => said.exec(line.trim())?.[1] ?? []);
}

/** The line may be an older worker's, or of one that writes into the same log; and none is believed. */
function isOf(url: string, pid: number): boolean {
  if (process.platform !== "linux") return true;
  const { hostname, port } = new URL(url);
  return listensAt(pid, hostname, Number(port));
}

function elsewhere(pid: number): string {
  const channel = waitChannelOf(pid);
  return `in native code or a system call${channel === null ? "" : ` (${channel})`}`;
}

interface Frame {
  readonly functionName: string;
  readonly url: string;
  readonly location: {
    readonly scriptId: string;
    readonly lineNumber: number;
    readonly columnNumber?: number;
  };
}

interface Told {
  readonly id?: number;
  readonly method?: string;
  readonly params?: {
    readonly scriptId?: string;
    readonly url?: string;
    readonly callFrames?: readonly Frame[];
  };
}

/** The conversation, in the words of the Chrome DevTools Protocol. */
async function ask(url: string): Promise<{ stack: string | null; isHeld: boolean }> {
  const { WebSocket } = await import("ws");
  const limits = { handshakeTimeout: STOPS_WITHIN_MS, maxPayload: LONGEST_MESSAGE_BYTES };
  const socket = new WebSocket(url, { perMessageDeflate: false, ...limits });
  const say = (id: number, method: string): void => socket.send(JSON.stringify({ id, method }));
  const files = new Map<string, string>();
  let isAsked = false;
  return new Promise((resolve, reject) => {
    const end = (finding: { stack: string | null; isHeld: boolean }): void => {
      clearTimeout(timer);
      if (isAsked && socket.readyState === WebSocket.OPEN) say(3, "Debugger.resume");
      socket.close();
      resolve(finding);
    };
    // What has come meanwhile is read first.
    const late = (): void => void setImmediate(end, { stack: null, isHeld: false });
    const timer = setTimeout(late, STOPS_WITHIN_MS);
    socket.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    socket.on("open", () => say(1, "Debugger.enable"));
    const hear = (data: unknown): void => {
      const { id, method, params = {} } = JSON.parse(String(data)) as Told;
      if (method === "Debugger.scriptParsed") files.set(params.scriptId ?? "", params.url ?? "");
      else if (method === "Debugger.paused") {
        // It stood already when we came.
        if (!isAsked) return end({ stack: null, isHeld: true });
        end({ stack: stackOf(params.callFrames ?? [], files), isHeld: false });
      } else if (id === 1) {
        // News of a pause that was there before comes with this answer.
        setTimeout(() => {
          if (socket.readyState !== WebSocket.OPEN) return;
          isAsked = true;
          say(2, "Debugger.pause");
        }, NEWS_WITHIN_MS);
      }
    };
    socket.on("message", (data) => {
      try {
        hear(data);
      } catch (error) {
        // No debugger talks like that.
        clearTimeout(timer);
        socket.terminate();
        reject(error);
      }
    });
  });
}

function stackOf(frames: readonly Frame[], files: ReadonlyMap<string, string>): string {
  const places = frames.map(({ functionName, url, location }) => {
    const file = (url || (files.get(location.scriptId) ?? "")).replace(/^file:\/\//, "");
    const at = `${location.lineNumber + 1}:${(location.columnNumber ?? 0) + 1}`;
    return { file, text: `at ${functionName || "<anonymous>"} (${file}:${at})` };
  });
  const own = places.filter(({ file }) => file !== AGENT);
  const ofApp = own.findIndex(({ file }) => !file.startsWith("node:"));
  const told = own.slice(0, Math.max(DEEPEST, ofApp + CALLS));
  return told.map(({ text }) => text).join("\n");
}
