/** What a supervisor that is gone has left in its roster. What cannot be used is set aside, and never in the way. */

import { readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { isSameBoot } from "../../system/boot.ts";
import { namesIn } from "../../system/folder.ts";
import {
  type AppRecord,
  appIn,
  launchesIn,
  type SupervisorRecord,
  supervisorIn,
} from "./records.ts";
import { rangeAfter } from "./worker-ids.ts";

export const SUPERVISOR_FILE = "supervisor.json";
/** How the names of files of apps end. */
export const APP = ".app.json";
const LAUNCHES = ".launches.json";

export interface Before {
  readonly supervisor: SupervisorRecord;
  /** Apps that ran, in the order of their names. */
  readonly apps: readonly AppRecord[];
}

export interface Found {
  /** Null where nothing runs that could be taken over. */
  readonly before: Before | null;
  /** What was found wrong and done about it, for people. */
  readonly notices: readonly string[];
}

/** How an instant of the files becomes one of this process, and where they are from. */
export interface Here {
  readonly bootId: string;
  /** See `recordApp`. */
  readonly offset: number;
}

/** Names of an app's files: different apps have different ones, also where the file system knows no capitals. */
export function filesOf(app: string): { readonly app: string; readonly launches: string } {
  const name = app.replaceAll(/[^a-z0-9._-]/g, (character) => {
    return `+${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
  return { app: name + APP, launches: name + LAUNCHES };
}

/**
 * Reads the roster; what it says of another boot is removed, for none of it runs any more.
 * Never throws.
 */
export function readRoster(folder: string, { bootId, offset }: Here): Found {
  const names = namesIn(folder);
  if (names.length === 0) return { before: null, notices: [] };
  const notices: string[] = [];
  try {
    // Killed while it wrote them.
    for (const name of names) if (name.endsWith(".tmp")) rmSync(join(folder, name));
    const supervisor = supervisorIn(readFileSync(join(folder, SUPERVISOR_FILE), "utf8"));
    if (!isSameBoot(supervisor.bootId, bootId)) {
      rmSync(folder, { recursive: true, force: true });
      const notice = `What supervisor ${supervisor.pid} ran ended with its machine or container: all starts anew.`;
      return { before: null, notices: [notice] };
    }
    const apps = names
      .filter((name) => name.endsWith(APP))
      .sort()
      .flatMap((name) => readApp(folder, name, offset, notices));
    return { before: { supervisor: withIds(supervisor, apps), apps }, notices };
  } catch (error) {
    const notice = `What ran before is not known (${(error as Error).message}); ${asideOf(folder)}.`;
    return { before: null, notices: [notice] };
  }
}

/** Why this Holdfast could not take over what the roster says; null where it could. Changes nothing. */
export function rosterFault(folder: string): string | null {
  try {
    supervisorIn(readFileSync(join(folder, SUPERVISOR_FILE), "utf8"));
    for (const name of namesIn(folder)) {
      if (name.endsWith(APP)) appIn(readFileSync(join(folder, name), "utf8"), 0);
      if (name.endsWith(LAUNCHES)) launchesIn(readFileSync(join(folder, name), "utf8"));
    }
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

function readApp(
  folder: string,
  name: string,
  offset: number,
  notices: string[],
): readonly AppRecord[] {
  const path = join(folder, name);
  try {
    const found = appIn(readFileSync(path, "utf8"), offset);
    const files = filesOf(found.name);
    if (files.app !== name) throw new Error(`it is that of ${found.name}`);
    return [{ ...found, launches: readLaunches(join(folder, files.launches), notices) }];
  } catch (error) {
    notices.push(
      `${name} of the roster is no use (${(error as Error).message}); ${asideOf(path)}.`,
    );
    return [];
  }
}

/** Without them the app's generations are resolved anew when they start again. */
function readLaunches(path: string, notices: string[]): AppRecord["launches"] {
  try {
    return launchesIn(readFileSync(path, "utf8"));
  } catch (error) {
    notices.push(
      `An app's launches are not known (${(error as Error).message}); ${asideOf(path)}.`,
    );
    return [];
  }
}

/** The one set aside before gives way: it is evidence, and one is enough. */
function asideOf(path: string): string {
  const aside = `${path}.unreadable`;
  try {
    rmSync(aside, { recursive: true, force: true });
    renameSync(path, aside);
    return `it is kept as ${aside}`;
  } catch (error) {
    return `it stays where it is (${(error as Error).message})`;
  }
}

/** The supervisor's file is written before an app's that goes beyond it; should it be older, the app is right. */
function withIds(supervisor: SupervisorRecord, apps: readonly AppRecord[]): SupervisorRecord {
  const reserved = apps.map(({ app }) => rangeAfter(app.nextWorkerId));
  return { ...supervisor, nextWorkerId: Math.max(supervisor.nextWorkerId, ...reserved) };
}
