/** Who takes part, how this member comes in, and what it does when its connection was lost. */

import type { Bus } from "../bus/api.ts";
import type { Sessions } from "../core/socket-io/sessions.ts";
import type { Entry } from "../core/socket-io/terms.ts";
import type { CatchUp } from "./catch-up.ts";
import { codeOf, type Faults } from "./faults.ts";
import type { Intake } from "./intake.ts";
import type { Line } from "./line.ts";
import type { Local } from "./local.ts";
import { type Here, type MemberFacts, Members } from "./members.ts";
import type { Outflow } from "./outflow.ts";
import type { Posts } from "./posts.ts";

/** After a new connection, who says nothing for so long is gone. */
const SILENT_AFTER_MS = 2000;
const CATCH_UP_WITHIN_MS = 3000;
const OPENINGS = 20;
const OPEN_AGAIN_AFTER_MS = 250;
const PASSING = ["HF_BUS_CONNECTION_LOST", "HF_BUS_OVERLOADED"];
/** Somebody unknown that says much is greeted once in that time. */
const GREET_AGAIN_AFTER_MS = 1000;
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
  /** This process's namespaces. */
  locals(): Iterable<Local>;
  /** A member is gone, and is none any more. */
  gone(member: string): void;
}

export class Attendance {
  readonly members = new Members();
  readonly #port: AttendancePort;
  readonly #fetching = new Set<string>();
  readonly #greeted = new Set<string>();
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
    for (let opening = 1; this.#openedAt === null && !this.#isOver; opening += 1) {
      try {
        await this.#join(line);
      } catch (error) {
        await line.close().catch(() => {});
        if (this.#isOver) break;
        const code = codeOf(error);
        // The supervisor has gone just now, and another one comes; or it has too much to do.
        const isPassing = code !== null && PASSING.includes(code) && opening < OPENINGS;
        if (!isPassing) {
          faults.tell("it works alone, as there is no bus", error);
          this.#detach(code);
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
    if (code !== null && PASSING.includes(code)) return true;
    const { faults, outflow } = this.#port;
    faults.tell("other workers cannot be reached", error);
    if (code === "HF_BUS_UNREACHABLE") outflow.detach("detached");
    else if (code !== null && FINAL.includes(code)) outflow.detach("alone");
    return false;
  }

  /** Somebody says something to all; it is not its turn yet. */
  noticed({ kind, from, n, meta }: Entry): void {
    if (from === this.#port.me || kind === "bye") return;
    if (kind === "hello") {
      this.heardGreeting(from, { ...(meta as MemberFacts), n: n - 1, wasGone: false });
    } else if (this.#openedAt !== null && !this.members.has(from)) {
      this.#greet(from);
    }
  }

  /** A member says hello: to all, or to this one alone. */
  heardGreeting(from: string, here: Here): void {
    const mine = this.#here(from);
    this.heardHere(from, here);
    this.#port.posts.send(from, "here", mine);
  }

  heardHere(from: string, { n, wasGone, ...facts }: Here): void {
    this.#meet(from, facts);
    if (wasGone) for (const local of this.#port.locals()) local.retell();
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
      try {
        await catchUp.fetch(each, inflow.positions, false, (entries) => {
          for (const entry of entries) {
            // What somebody said who was gone before this member came is none of its clients' business.
            const isKnown = inflow.knows(entry.from) || this.members.has(entry.from);
            if (isKnown && entry.from !== me) intake.take(entry);
          }
        });
      } catch (error) {
        this.#port.faults.tell("what another worker has kept cannot be read", error);
      } finally {
        this.#fetching.delete(each);
      }
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
    // Its server was closed meanwhile.
    if (this.#isOver) return void (await line.close());
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

  #here(to: string): Here {
    const { intake, outflow } = this.#port;
    const wasGone = !this.members.has(to) && intake.inflow.knows(to);
    return { ...this.#facts, n: outflow.lastSent, wasGone };
  }

  get #isOver(): boolean {
    return this.#port.outflow.state === "alone";
  }

  /** One that lives and is not known: it was taken for gone, or its hello was lost. It answers as to a hello. */
  #greet(member: string): void {
    if (this.#greeted.has(member)) return;
    this.#greeted.add(member);
    setTimeout(() => this.#greeted.delete(member), GREET_AGAIN_AFTER_MS).unref();
    this.#port.posts.send(member, "hello", this.#here(member));
  }

  #hello(): void {
    this.#port.outflow.say("hello", this.#facts, new Uint8Array());
  }

  #beginAlone(): void {
    const told = "The Socket.IO adapter works in this process alone, as it has no bus of Holdfast.";
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
