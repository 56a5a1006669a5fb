/**
 * The workers of an app with sticky routing, as they know one another: each has a tag and a socket of its own, and
 * hears at every change who is there. Requests never pass through here.
 */

import { randomBytes } from "node:crypto";
import { dirname } from "node:path";
import type { Peer } from "../core/affinity.ts";
import { type PeerAddress, peersOf } from "../core/peers.ts";
import { named } from "../core/sticky.ts";
import type { StickySettings } from "../link/agent-messages.ts";
import type { AppRunner } from "./app-runner.ts";
import { HandOver } from "./hand-over.ts";
import type { Handle } from "./node-internals.ts";
import { type Owner, openPeerFolder, type PeerFolder, peerFolderAt } from "./peer-folder.ts";
import { PeerLoads } from "./peer-loads.ts";
import type { StickyRecord } from "./roster/records.ts";
import { removePath } from "./socket-path.ts";

/** Three bytes are four characters of base64url. */
const TAG_BYTES = 3;
/** Loads are told at most this often. Milliseconds. */
const TELL_LOADS_EVERY_MS = 250;
/** A worker that could not be told is tried again after this time. Milliseconds. */
const TELL_AGAIN_MS = 100;

interface Member extends PeerAddress {
  /** It places clients by load, as it was told at its start. */
  readonly wantsLoads: boolean;
  /** Its agent is there to hear. */
  hasSpoken: boolean;
  /** The number of the table it was last told; 0: none. */
  told: number;
}

export class Peers {
  readonly #runner: AppRunner;
  readonly #runFolder: string | null;
  readonly #members = new Map<number, Member>();
  /** By the user and group of the workers: a reload may change them. */
  readonly #folders = new Map<string, PeerFolder>();
  readonly #loads = new PeerLoads();
  readonly #handOver: HandOver;
  #table = 0;
  #known = "";
  #again: NodeJS.Timeout | null = null;
  #loadsDue: NodeJS.Timeout | null = null;

  /** `runFolder`: where the folders for sockets are made; null: among the system's temporary files. */
  constructor(runner: AppRunner, runFolder: string | null) {
    this.#runner = runner;
    this.#runFolder = runFolder;
    this.#handOver = new HandOver({
      takes: (worker, key) => this.#takes(worker, key),
      give: (worker, message, connection, sent) => {
        const process = runner.workers.get(worker)?.process;
        if (process) process.send(message, connection, sent);
        else sent();
      },
    });
  }

  /** What a worker about to start needs to be sticky; null where its app is not. Throws HF_STICKY_FOLDER. */
  admit(worker: number, owner: Owner): StickySettings | null {
    const { sticky, execMode } = this.#runner.options;
    if (sticky === null || execMode !== "cluster") return null;
    const tag = freshTag([...this.#members.values()]);
    const path = `${this.#folderFor(owner).path}/${tag}`;
    const wantsLoads = sticky.placement === "least-loaded";
    this.#members.set(worker, { tag, path, wantsLoads, hasSpoken: false, told: 0 });
    return { ...named(sticky, this.#runner.options.name), tag, path };
  }

  /** A worker that another supervisor started, as it was told then. */
  restore(worker: number, { tag, path, wantsLoads }: StickyRecord): void {
    this.#members.set(worker, { tag, path, wantsLoads, hasSpoken: false, told: 0 });
    const folder = dirname(path);
    // Gone with the last of the app's workers, as if it had been made here.
    this.#folders.set(folder, peerFolderAt(folder, this.#runFolder));
  }

  /** What names the worker among its siblings, for the next supervisor; null: it is not sticky. */
  record(worker: number): StickyRecord | null {
    const member = this.#members.get(worker);
    if (!member) return null;
    const { tag, path, wantsLoads } = member;
    return { tag, path, wantsLoads };
  }

  /** The app's workers may have changed: tells who must know, and removes what is needed no longer. */
  look(): void {
    // An app without sticky routing pays for this line.
    if (this.#members.size === 0 && this.#folders.size === 0) return;
    const { app } = this.#runner;
    for (const [id, member] of this.#members) {
      if (!app.workers.some((worker) => worker.id === id)) this.#forget(id, member);
    }
    const known = JSON.stringify(peersOf(app, this.#members));
    if (known !== this.#known) this.#table += 1;
    this.#known = known;
    this.#tell();
    if (this.#members.size === 0 && app.status !== "running") this.#close();
  }

  /** A worker has said something. */
  heard(worker: number): void {
    const member = this.#members.get(worker);
    if (!member || member.hasSpoken) return;
    member.hasSpoken = true;
    this.#tell();
  }

  /** A worker's beat: `WorkerStats`, if it can be believed. */
  beat(worker: number, stats: unknown): void {
    if (!this.#members.has(worker) || !this.#loads.hear(worker, stats) || this.#loadsDue) return;
    if (![...this.#members.values()].some(({ wantsLoads }) => wantsLoads)) return;
    const due = (): void => {
      this.#loadsDue = null;
      this.#table += 1;
      this.#tell();
    };
    this.#loadsDue = setTimeout(due, TELL_LOADS_EVERY_MS).unref();
  }

  /** A worker's `hand`, with the connection's handle. */
  hand(from: number, message: unknown, connection: Handle | undefined): void {
    this.#handOver.hear(from, message, connection);
  }

  /** Tells everybody who does not know the table of now; those that do not read are told later. */
  #tell(): void {
    const peers = this.#peers();
    let isLeft = false;
    for (const [id, member] of this.#members) {
      if (member.told === this.#table || !member.hasSpoken) continue;
      const process = this.#runner.workers.get(id)?.process;
      if (!process || process.isCongested()) {
        isLeft = true;
        continue;
      }
      member.told = this.#table;
      process.send({ t: "peers", peers }, undefined, (error) => {
        if (!error) return;
        member.told = 0;
        this.#tellAgain();
      });
    }
    if (isLeft) this.#tellAgain();
  }

  #tellAgain(): void {
    const due = (): void => {
      this.#again = null;
      this.#tell();
    };
    this.#again ??= setTimeout(due, TELL_AGAIN_MS).unref();
  }

  #peers(): readonly Peer[] {
    const found = peersOf(this.#runner.app, this.#members);
    return found.map((peer) => ({ ...peer, ...this.#loads.of(peer.worker) }));
  }

  #takes(worker: number, key: string): boolean {
    const { listeners, workers } = this.#runner;
    const isThere =
      this.#members.has(worker) && workers.get(worker)?.process.isCongested() === false;
    return isThere && listeners.has(key);
  }

  #folderFor({ uid, gid }: Owner): PeerFolder {
    const key = `${uid}:${gid}`;
    const known = this.#folders.get(key);
    // Whoever cleans temporary files up may have taken it.
    if (known?.isThere()) return known;
    const made = openPeerFolder(this.#runFolder, { uid, gid });
    this.#folders.set(key, made);
    return made;
  }

  #forget(worker: number, { path }: Member): void {
    this.#members.delete(worker);
    this.#loads.forget(worker);
    // One that was killed has left it.
    removePath(path);
  }

  #close(): void {
    for (const timer of [this.#again, this.#loadsDue]) if (timer) clearTimeout(timer);
    this.#again = null;
    this.#loadsDue = null;
    for (const folder of this.#folders.values()) folder.remove();
    this.#folders.clear();
  }
}

/** Four characters that no living worker of the app has. */
function freshTag(taken: readonly PeerAddress[]): string {
  let tag: string;
  do tag = randomBytes(TAG_BYTES).toString("base64url");
  while (taken.some((member) => member.tag === tag));
  return tag;
}
