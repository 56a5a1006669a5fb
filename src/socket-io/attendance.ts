/** Who takes part, how this member comes in, and what it does when its connection was lost. */

import type { Bus } from "../bus/api.ts";
import type { Ledger } from "../core/socket-io/ledger.ts";
import type { Sessions } from "../core/socket-io/sessions.ts";
import type { Entry } from "../core/socket-io/terms.ts";
import type { CatchUp } from "./catch-up.ts";
import { Connection } from "./connection.ts";
import { Doubts } from "./doubts.ts";
import { Entrance } from "./entrance.ts";
import { codeOf, type Faults, isFinal, isPassing } from "./faults.ts";
import type { Intake } from "./intake.ts";
import type { Line } from "./line.ts";
import type { Local } from "./local.ts";
import { type Here, type MemberFacts, Members } from "./members.ts";
import type { Outflow } from "./outflow.ts";
import type { Posts } from "./posts.ts";
import { Repairs } from "./repairs.ts";

const CATCH_UP_WITHIN_MS = 3000;
/** However much a member says, it is written to once in that time. */
const WRITE_AGAIN_AFTER_MS = 1000;
/** Owners of sessions that have not been met by then are gone. */
const MET_WITHIN_MS = 15_000;

export interface AttendancePort {
  readonly me: string;
  readonly bus: Bus | null;
  readonly line: Line | null;
  readonly faults: Faults;
  readonly sessions: Sessions;
  readonly ledger: Ledger<Entry>;
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
  readonly #entrance: Entrance;
  readonly #doubts: Doubts;
  readonly #repairs: Repairs;
  readonly #written = new Set<string>();
  readonly #connection = new Connection();
  #isLeaving = false;

  constructor(port: AttendancePort) {
    this.#port = port;
    this.#entrance = new Entrance({
      ...port,
      hello: () => this.#hello(),
      untold: () => {
        for (const member of this.members.all()) this.lacks(member);
      },
      detached: () => this.#connection.next(),
    });
    const ahead = (member: string): void => this.#write(member, "sign", null);
    this.#repairs = new Repairs({ ...port, members: this.members, ahead });
    this.#doubts = new Doubts({
      ask: (member) => port.posts.send(member, "hello", this.#here(member)),
      gone: (member) => this.gone(member),
    });
  }

  /** Who is an owner of sessions has been met since, or is gone. */
  get hasMetAll(): boolean {
    return this.#entrance.openMs > MET_WITHIN_MS;
  }

  /** What was said without a connection, others can only get now, or from here: it is kept for them. */
  get isAwaited(): boolean {
    return this.#port.outflow.state !== "alone" && this.#connection.isFresh;
  }

  /** It can tell one that comes in what was before. */
  get isTeller(): boolean {
    return this.#port.intake.isLive && this.#entrance.isOpen && !this.#isLeaving;
  }

  /** Takes part from now on; without a bus, alone. */
  begin(): Promise<void> {
    return this.#entrance.begin();
  }

  up(): void {
    if (!this.#entrance.isOpen) return;
    const { number } = this.#connection;
    const { outflow } = this.#port;
    this.#connection.again();
    outflow.open();
    this.#hello();
    // Once that has come back others can be heard as well: who has much to say again says hello after all of it.
    outflow.inTurn(() => {
      if (number !== this.#connection.number || outflow.state !== "open") return;
      for (const member of this.members.unmet(number)) this.#doubts.about(member);
    });
  }

  /** The last that this member says. Who came in after that, and had an answer, would never hear that it is gone. */
  leave(): void {
    this.#isLeaving = true;
    this.#port.outflow.say("bye", null, new Uint8Array());
  }

  down(): void {
    this.#connection.lost();
    this.#doubts.clear();
    this.#port.outflow.lost();
    this.#port.intake.down();
  }

  /** True: what could not be published may be tried again. */
  refused(error: unknown): boolean {
    const code = codeOf(error);
    if (isPassing(code)) return true;
    const { faults, outflow } = this.#port;
    faults.tell("other workers cannot be reached", error);
    if (code === "HF_BUS_UNREACHABLE") outflow.detach("detached");
    else if (isFinal(code)) outflow.detach("alone");
    return false;
  }

  /** Somebody says something to all; it is not its turn yet. */
  noticed({ kind, from, n, meta }: Entry): void {
    if (from === this.#port.me || kind === "bye") return;
    this.#doubts.settle(from);
    if (kind === "hello") {
      this.heardGreeting(from, { ...(meta as MemberFacts), n: n - 1, wasGone: false });
    } else if (this.#entrance.isOpen && !this.members.has(from)) this.#greet(from);
  }

  /** A member says hello: to all, or to this one alone. */
  heardGreeting(from: string, here: Here): void {
    const mine = this.#here(from);
    this.#heardOf(from, here);
    if (!this.#isLeaving) this.#port.posts.send(from, "here", mine);
  }

  heardHere(from: string, here: Here): void {
    const mine = this.#here(from);
    this.#heardOf(from, here);
    // It was only frozen, and does not know for what it was taken.
    if (mine.wasGone) this.#write(from, "hello", mine);
  }

  /** It has written something. */
  heardFrom(member: string): void {
    this.#doubts.settle(member);
  }

  /** It owes an answer. Of workers the supervisor tells when they end. */
  doubt(member: string): void {
    if (this.#port.outflow.state !== "open" || !this.members.has(member)) return;
    if (!this.members.isWorker(member)) this.#doubts.about(member);
  }

  /** What a member has told of a session builds on what is not known here: it tells all of them again. */
  lacks(member: string): void {
    this.#write(member, "retell", null);
  }

  /** So many entries of a member will not come: what it told in them of its sessions, it tells again. */
  lost(member: string, count: number): void {
    this.#port.faults.tell(`${count} messages of the member ${member} are lost`, undefined, "lost");
    if (this.members.has(member)) this.lacks(member);
  }

  /** One waits for what is on its way, if any is: once this has come, nothing before it will. */
  sign(): void {
    if (!this.#isLeaving) this.#port.outflow.say("sign", null, new Uint8Array());
  }

  retell(): void {
    for (const local of this.#port.locals()) local.retell();
  }

  gone(member: string): void {
    this.#doubts.settle(member);
    if (this.members.remove(member)) this.#port.gone(member);
  }

  /** Fetches what this member has, and this one has not; what is missing of one that is gone, from all others. */
  repair(member: string): Promise<void> {
    return this.#repairs.of(member);
  }

  get isRepairing(): boolean {
    return this.#repairs.isUnderWay;
  }

  /** Resolves when this member knows what was before, and after a lost connection what it has missed. */
  async whenSettled(): Promise<void> {
    const { intake } = this.#port;
    const isSettled = (): boolean =>
      intake.isLive &&
      !this.isRepairing &&
      this.members.unmet(this.#connection.number).length === 0;
    await intake.when(isSettled, CATCH_UP_WITHIN_MS);
  }

  get #facts(): MemberFacts {
    const { app = null, worker = null } = this.#port.line?.self ?? {};
    return { app, worker };
  }

  #here(to: string): Here {
    const { intake, outflow } = this.#port;
    // Who has not been met for so long is an owner of sessions no more.
    const isStranger = this.hasMetAll && !this.members.has(to) && intake.inflow.knows(to);
    const wasGone = this.members.wasGone(to) || isStranger;
    return { ...this.#facts, n: outflow.lastSent, wasGone };
  }

  /** One that lives and is not known: it was taken for gone, or its hello was lost. It answers as to a hello. */
  #greet(member: string): void {
    this.#write(member, "hello", this.#here(member));
  }

  #write(member: string, kind: "hello" | "retell" | "sign", value: unknown): void {
    const key = `${kind} ${member}`;
    if (this.#isLeaving || this.#written.has(key)) return;
    this.#written.add(key);
    setTimeout(() => this.#written.delete(key), WRITE_AGAIN_AFTER_MS).unref();
    this.#port.posts.send(member, kind, value);
  }

  #heardOf(member: string, { n, wasGone, ...facts }: Here): void {
    const { intake, ledger } = this.#port;
    const isFirst = !this.members.has(member);
    const isNew = this.members.heard(member, facts, this.#connection.number);
    if (wasGone) this.retell();
    // What it has said before is not here, for clients that have missed some of it.
    if (intake.isLive && n > 1 && !intake.inflow.knows(member)) ledger.lack(member, n, Date.now());
    intake.begin(member, n);
    if (!intake.isLive) return;
    if (isNew && this.#connection.number > 1) void this.repair(member);
    if (isFirst && this.#entrance.isUntold) this.lacks(member);
  }

  #hello(): void {
    this.#port.outflow.say("hello", this.#facts, new Uint8Array());
  }
}
