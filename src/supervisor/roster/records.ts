/** What the roster holds, and its text. Whatever is read back is checked: people may have been at the files. */

import type { App } from "../../core/app.ts";
import {
  isAnything,
  isCount,
  isFlag,
  isNumber,
  isText,
  listOf,
  mapOf,
  orNull,
  shaped,
} from "../../core/conforms.ts";
import { recordApp, restoreApp } from "../../core/record.ts";
import type { ListenRequest } from "../../link/agent-messages.ts";
import type { WorkerIdentity } from "../adoption/identity.ts";
import type { Launch } from "../processes.ts";

/** Of all files of the roster; raised when an older Holdfast could misunderstand one. */
export const ROSTER_VERSION = 1;

/** What names a sticky worker among its siblings. */
export interface StickyRecord {
  readonly tag: string;
  /** The UNIX socket it serves them at. */
  readonly path: string;
  readonly wantsLoads: boolean;
}

export interface WorkerRecord {
  readonly identity: WorkerIdentity;
  /** What it comes to the bus with; null: the bus does not know it. */
  readonly busToken: string | null;
  /** The bus's socket, as it was told; not told or null: where the home has it. */
  readonly busPath?: string | null;
  /** Where it looks for the next supervisor; not told: in the home. */
  readonly socket?: string;
  /** Null: its app is not sticky. */
  readonly sticky: StickyRecord | null;
  /** It has asked for an address. */
  readonly hasListened: boolean;
}

export interface ListenerRecord {
  readonly request: ListenRequest;
  readonly sockname: Readonly<Record<string, unknown>>;
  /** How many. */
  readonly shards: number;
  /** Ids of the workers that listen on it. */
  readonly openBy: readonly number[];
}

/** An app that runs. Instants in `app` are those of this process's clock, whichever process has written them. */
export interface AppRecord {
  readonly name: string;
  readonly app: App;
  /** It has had a ready worker: see `AppRunner.hasServed`. */
  readonly hasServed: boolean;
  /** What each generation runs. */
  readonly launches: readonly (readonly [generation: number, launch: Launch])[];
  /** Those that have a process. A worker of `app` that is not among them never came to be. */
  readonly workers: readonly WorkerRecord[];
  readonly listeners: readonly ListenerRecord[];
}

/** The supervisor that has written the roster. */
export interface SupervisorRecord {
  readonly bootId: string;
  /** HOLDFAST_SUPERVISOR of every process below it, and below those before it. */
  readonly marker: string;
  /** How often another supervisor took over from one that was gone, since there was none before. */
  readonly takeovers: number;
  readonly pid: number;
  /** With the pid it names one process; null where the system does not tell. */
  readonly startTicks: number | null;
  readonly holdfastVersion: string;
  /** No worker was ever given this id or a higher one: the beginning of a range of `IDS_PER_APP`. */
  readonly nextWorkerId: number;
}

const isSupervisor = shaped<SupervisorRecord>({
  ...{ bootId: isText, marker: isText, takeovers: isCount, pid: isCount },
  ...{ startTicks: orNull(isCount), holdfastVersion: isText, nextWorkerId: isCount },
});

const isIdentity = shaped<WorkerIdentity>({
  ...{ app: isText, worker: isCount, pid: isCount, startTicks: orNull(isCount), token: isText },
});

const isWorkers = listOf(
  shaped<WorkerRecord>({
    identity: isIdentity,
    busToken: orNull(isText),
    busPath: (path) => path === undefined || orNull(isText)(path),
    socket: (path) => path === undefined || isText(path),
    sticky: orNull(shaped<StickyRecord>({ tag: isText, path: isText, wantsLoads: isFlag })),
    hasListened: isFlag,
  }),
);

const isListeners = listOf(
  shaped<ListenerRecord>({
    request: shaped<ListenRequest>({
      ...{ key: isText, address: orNull(isText), port: isNumber, addressType: isNumber },
      ...{ flags: isNumber, data: isAnything },
    }),
    ...{ sockname: mapOf(isAnything), shards: isCount, openBy: listOf(isCount) },
  }),
);

const isLaunch = shaped<Launch>({
  ...{ script: isText, args: listOf(isText), nodeArgs: listOf(isText), cwd: isText },
  ...{ env: mapOf(isText), node: isText, isClusterWorker: isFlag, instanceVar: isText },
  ...{ incrementVar: orNull(isText), uid: orNull(isCount), gid: orNull(isCount) },
});

/** One line of JSON. */
export function textOf(content: object): string {
  return `${JSON.stringify({ version: ROSTER_VERSION, ...content })}\n`;
}

/** All but the launches, which are many times as long and rarely change. `offset`: see `recordApp`. */
export function appText({ launches: _, app, ...rest }: AppRecord, offset: number): string {
  return textOf({ ...rest, app: recordApp(app, offset) });
}

export function launchesText({ launches }: AppRecord): string {
  return textOf({ launches });
}

/** Throws an Error with the reason where it is no such text. */
export function supervisorIn(text: string): SupervisorRecord {
  const { version: _, ...found } = contentOf(text);
  if (!isSupervisor(found)) throw new Error("it is no record of a supervisor");
  return found;
}

/** The app, without its launches. Throws an Error with the reason where it is no such text. */
export function appIn(text: string, offset: number): AppRecord {
  const { name, app: recorded, hasServed, workers, listeners } = contentOf(text);
  const app = restoreApp(recorded, offset);
  const isApp = isText(name) && isFlag(hasServed) && isWorkers(workers) && isListeners(listeners);
  if (!app || !isApp) throw new Error("it is no record of an app");
  return { name, app, hasServed, launches: [], workers, listeners } as AppRecord;
}

/** Throws an Error with the reason where it is no such text. */
export function launchesIn(text: string): AppRecord["launches"] {
  const { launches } = contentOf(text);
  const isPair = (pair: unknown): boolean =>
    Array.isArray(pair) && pair.length === 2 && isCount(pair[0]) && isLaunch(pair[1]);
  if (!listOf(isPair)(launches)) throw new Error("it is no record of launches");
  return launches as AppRecord["launches"];
}

function contentOf(text: string): Readonly<Record<string, unknown>> {
  const found = (JSON.parse(text) ?? {}) as Readonly<Record<string, unknown>>;
  if (found.version === ROSTER_VERSION) return found;
  throw new Error(`its format is ${String(found.version)}, and ${ROSTER_VERSION} is known`);
}
