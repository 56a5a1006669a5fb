/** Who takes part, how this member comes in, and what it does when its connection was lost. */

import type { Bus } from "../bus/api.ts";
import type { Sessions } from "../core/socket-io/sessions.ts";
import type { Entry } from "../core/socket-io/terms.ts";
import type { CatchUp } from "./catch-up.ts";
import { codeOf, type Faults } from "./faults.ts";
import type { Intake } from "./intake.ts";
import type { Line } from "./line.ts";
import { type MemberFacts, Members } from "./members.ts";
import type { Outflow } from "./outflow.ts";
import type { Posts } from "./posts.ts";

/** After a new connection, who says nothing for so long is gone. */
const SILENT_AFTER_MS = 2000;
const CATCH_UP_WITHIN_MS = 3000;
const OPENINGS = 20;
const OPEN_AGAIN_AFTER_MS = 250;
/** Owners of sessions that have not been met by then are gone. */
const MET_WITHIN_MS = 15_000;
const FINAL = ["HF_BUS_CLOSED", "HF_BUS_REFUSED"];

export interface AttendancePort {
  readonly me: string;
  readonly bus: Bus | null;
  readonly line: Line | null;
  readonly faults: Faults;
  readonly sessions: Sessions;
  readonly intake: Intake;
  readonly outflow: Outflow;
  readonly catchUp: CatchUp;
  readonly posts: Posts;
  /** A member is gone, and is none any more. */
  gone(member: string): void;
}

/** What a member tells one that says hello: the last number it has said before. */
interface Here extends MemberFacts {
  readonly n: number;
}

export class Attendance {
  readonly members = new Members();
  readonly #port: AttendancePort;
  readonly #fetching = new Set<string>();
  #connection = 1;
  #isOpening = false;
  #openedAt: number | null = null;

  constructor(port: AttendancePort) {
    this.#port = port;
  }

  /** Who is an owner of sessions has been met since, or is gone. */
  get hasMetAll(): boolean {
    return this.#openedAt !== null && Date.now() - this.#openedAt > MET_WITHIN_MS;
  }

  /** Takes part from now on; without a bus, alone. */
  async begin(): Promise<void> {
    const { line, faults } = this.#port;
    if (!line) return this.#beginAlone();
    if (this.#isOpening || this.#openedAt !== null) return;
    this.#isOpening = true;
    for (let opening = 1; this.#openedAt === null; opening += 1) {
      try {
        await this.#join(line);
      } catch (error) {
        await line.close().catch(() => {});
        // The supervisor has gone just now: another one comes.
        const isPassing = codeOf(error) === "HF_BUS_CONNECTION_LOST" && opening < OPENINGS;
        if (!isPassing) {
          faults.tell("it works alone, as there is no bus", error);
          this.#detach(codeOf(error));
          break;
        }
        await new Promise((resolve) => setTimeout(resolve, OPEN_AGAIN_AFTER_MS));
      }
    }
    this.#isOpening = false;
  }

  up(): void {
    if (this.#openedAt === null) return;
    const connection = this.#connection;
    this.#port.outflow.open();
    this.#hello();
    setTimeout(() => {
      if (connection !== this.#connection) return;
      for (const member of this.members.silent(connection)) this.gone(member);
    }, SILENT_AFTER_MS).unref();
  }

  down(): void {
    this.#connection += 1;
    this.#port.outflow.lost();
  }

  /** True: what could not be published may be tried again. */
  refused(error: unknown): boolean {
    const code = codeOf(error);
    if (code === "HF_BUS_CONNECTION_LOST" || code === "HF_BUS_OVERLOADED") return true;
    const { faults, outflow } = this.#port;
    faults.tell("other workers cannot be reached", error);
    if (code === "HF_BUS_UNREACHABLE") outflow.detach("detached");
    else if (code !== null && FINAL.includes(code)) outflow.detach("alone");
    return false;
  }

  /** A member says hello to all. */
  heardHello({ from, n, meta }: Entry): void {
    const { posts, outflow, intake } = this.#port;
    this.#meet(from, meta as MemberFacts);
    posts.send(from, "here", { ...this.#facts, n: outflow.lastSent } satisfies Here);
    intake.begin(from, n - 1);
  }

  heardHere(from: string, { n, ...facts }: Here): void {
    this.#meet(from, facts);
    this.#port.intake.begin(from, n);
  }

  gone(member: string): void {
    if (this.members.remove(member)) this.#port.gone(member);
  }

  /** Fetches what this member has, and this one has not; what is missing of one that is gone, from all others. */
  async repair(member: string): Promise<void> {
    const { intake, catchUp, me } = this.#port;
    const { inflow } = intake;
    const from = this.members.has(member) ? [member] : this.members.all();
    for (const each of from) {
      if (this.#fetching.has(each)) continue;
      this.#fetching.add(each);
      await catchUp.fetch(each, inflow.positions, false, (entries) => {
        for (const entry of entries) {
          // What somebody said who was gone before this member came is none of its clients' business.
          const isKnown = inflow.knows(entry.from) || this.members.has(entry.from);
          if (isKnown && entry.from !== me) intake.take(entry);
        }
      });
      this.#fetching.delete(each);
    }
    intake.look();
  }

  get isRepairing(): boolean {
    return this.#fetching.size > 0;
  }

  /** Resolves when this member knows what was before, and after a lost connection what it has missed. */
  async whenSettled(): Promise<void> {
    const { intake } = this.#port;
    const isSettled = (): boolean =>
      intake.isLive &&
      this.#fetching.size === 0 &&
      this.members.silent(this.#connection).length === 0;
    await intake.when(isSettled, CATCH_UP_WITHIN_MS);
  }

  async #join(line: Line): Promise<void> {
    const { outflow, intake, catchUp, sessions } = this.#port;
    const ready = await line.open();
    this.#openedAt = Date.now();
    this.#hello();
    outflow.open();
    for (const member of intake.isLive ? [] : ready) {
      const told = await catchUp.fetch(member, new Map(), true);
      if (!told) continue;
      for (const session of told.sessions) sessions.learn(session);
      return intake.goLive(told);
    }
    if (!intake.isLive) intake.goLive(null);
  }

  get #facts(): MemberFacts {
    const { app = null, worker = null } = this.#port.line?.self ?? {};
    return { app, worker };
  }

  #hello(): void {
    this.#port.outflow.say("hello", this.#facts, new Uint8Array());
  }

  #beginAlone(): void {
    const told = "The Socket.IO adapter works in this process alone, as Holdfast is not around it.";
    process.emitWarning(told, { type: "HoldfastSocketIoWarning" });
    this.#port.intake.goLive(null);
    this.#port.outflow.detach("alone");
  }

  /** There is no bus, for good or until it is there again. */
  #detach(code: string | null): void {
    const { intake, outflow, bus } = this.#port;
    if (!intake.isLive) intake.goLive(null);
    const isFinal = code === null || FINAL.includes(code);
    outflow.detach(isFinal ? "alone" : "detached");
    if (isFinal) return;
    this.#connection += 1;
    bus?.on("up", () => void this.begin());
  }

  #meet(member: string, facts: MemberFacts): void {
    const isNew = this.members.heard(member, facts, this.#connection);
    if (isNew && this.#port.intake.isLive && this.#connection > 1) void this.repair(member);
  }
}
