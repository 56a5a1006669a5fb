/**
 * What runs, on disk: for the supervisor that comes next when this one is killed. It outlives processes and not the
 * machine, so nothing waits for the disk.
 */

import type { HoldfastError } from "../../errors.ts";
import { bootId, sharedClockOffset } from "../../system/boot.ts";
import type { Home } from "../../system/home.ts";
import { startTicks } from "../../system/proc.ts";
import { type Before, filesOf, readRoster, SUPERVISOR_FILE } from "./before.ts";
import { Folder } from "./folder.ts";
import { type AppRecord, appText, launchesText, type SupervisorRecord, textOf } from "./records.ts";
import { rangeAfter } from "./worker-ids.ts";

export interface RosterSettings {
  readonly holdfastVersion: string;
  /** HOLDFAST_SUPERVISOR for this supervisor, unless it goes on with that of one before it. */
  readonly marker: string;
  /** Hears HF_ROSTER_UNWRITABLE, once until all is written. */
  fault(error: HoldfastError): void;
}

export interface Roster {
  /** This supervisor as it is written down. */
  readonly supervisor: SupervisorRecord;
  /** Written where it differs from what was written last. Never throws. */
  write(record: AppRecord): void;
  /** The app does not run any more. */
  forget(app: string): void;
  /** All that runs is written down. */
  isWhole(): boolean;
  /** Leaves all as it is for a successor that is coming; nothing is written any more. */
  leave(): void;
  /** Nothing runs any more: removes the folder, so that the next supervisor begins anew. */
  close(): void;
}

export interface OpenedRoster {
  readonly roster: Roster;
  /** What a supervisor that is gone has left running; null where there was none. It stays written down. */
  readonly before: Before | null;
  /** What was found wrong and done about it, for people. */
  readonly notices: readonly string[];
}

/** Reads what was left and goes on from there. The home must have been claimed. Never throws. */
export function openRoster({ roster: folder }: Home, settings: RosterSettings): OpenedRoster {
  const here = { bootId: bootId(), offset: sharedClockOffset() };
  const { before, notices } = readRoster(folder, here);
  const supervisor: SupervisorRecord = {
    bootId: here.bootId,
    marker: before?.supervisor.marker ?? settings.marker,
    takeovers: before ? before.supervisor.takeovers + 1 : 0,
    ...{ pid: process.pid, startTicks: startTicks(process.pid) },
    holdfastVersion: settings.holdfastVersion,
    nextWorkerId: before?.supervisor.nextWorkerId ?? 1,
  };
  const files = new Folder(folder, settings.fault);
  return { roster: new FileRoster(files, supervisor, here.offset), before, notices };
}

class FileRoster implements Roster {
  readonly #files: Folder;
  readonly #offset: number;
  /** As they were written last. */
  readonly #launches = new Map<string, AppRecord["launches"]>();
  supervisor: SupervisorRecord;

  constructor(files: Folder, supervisor: SupervisorRecord, offset: number) {
    this.#files = files;
    this.#offset = offset;
    this.supervisor = supervisor;
    this.#writeSupervisor();
  }

  write(record: AppRecord): void {
    const { name, launches, app } = record;
    const files = filesOf(name);
    // Each file is right for those written after it: ids are reserved first, and an app's launches are there.
    if (app.nextWorkerId > this.supervisor.nextWorkerId) this.#reserve(app.nextWorkerId);
    if (!isSame(launches, this.#launches.get(name))) {
      this.#files.put(files.launches, launchesText(record));
      this.#launches.set(name, [...launches]);
    }
    this.#files.put(files.app, appText(record, this.#offset));
  }

  forget(app: string): void {
    const files = filesOf(app);
    this.#launches.delete(app);
    for (const file of [files.app, files.launches]) this.#files.drop(file);
  }

  isWhole(): boolean {
    return this.#files.isWhole();
  }

  leave(): void {
    this.#files.leave();
  }

  close(): void {
    this.#files.remove();
  }

  #reserve(nextWorkerId: number): void {
    this.supervisor = { ...this.supervisor, nextWorkerId: rangeAfter(nextWorkerId) };
    this.#writeSupervisor();
  }

  #writeSupervisor(): void {
    this.#files.put(SUPERVISOR_FILE, textOf(this.supervisor));
  }
}

/** Launches are replaced and never changed. */
function isSame(one: AppRecord["launches"], other: AppRecord["launches"] = []): boolean {
  return (
    one.length === other.length &&
    one.every(([generation, launch], at) => {
      return other[at]?.[0] === generation && other[at]?.[1] === launch;
    })
  );
}
