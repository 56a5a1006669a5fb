/** A Socket.IO server as a member of all those of its name: what one says all hear, in one order, each once. */

import { randomBytes } from "node:crypto";
import { Ledger } from "../core/socket-io/ledger.ts";
import { Sessions } from "../core/socket-io/sessions.ts";
import type { Entry, PacketMeta } from "../core/socket-io/terms.ts";
import { Asks } from "./asks.ts";
import { Attendance } from "./attendance.ts";
import { CatchUp } from "./catch-up.ts";
import { Faults } from "./faults.ts";
import { Intake } from "./intake.ts";
import { Line } from "./line.ts";
import type { Answer, Local, Question } from "./local.ts";
import type { Terms } from "./options.ts";
import { Outflow } from "./outflow.ts";
import { Posts } from "./posts.ts";
import { Transfers } from "./transfers.ts";
import { pack } from "./wire.ts";

const NAME_BYTES = 4;
const TRIM_EVERY_MS = 5000;
/** Without recovery, entries are kept for members alone. */
const KEPT_MS = 15_000;
const FLUSH_WITHIN_MS = 2000;

export class Cluster {
  readonly me = randomBytes(NAME_BYTES).toString("base64url").replace(/^-/, "_");
  readonly terms: Terms;
  readonly faults: Faults;
  readonly ledger: Ledger<Entry>;
  readonly sessions: Sessions;
  readonly asks: Asks;
  readonly transfers: Transfers;
  readonly #locals = new Map<string, Local>();
  readonly #attendance: Attendance;
  readonly #intake: Intake;
  readonly #outflow: Outflow;
  readonly #posts: Posts;
  readonly #catchUp: CatchUp;
  readonly #line: Line | null;
  readonly #timer: NodeJS.Timeout;
  #sessionsKeptMs = 0;

  constructor(terms: Terms) {
    this.terms = terms;
    this.faults = new Faults(() => this.#locals.values());
    const { maxPackets, maxBytes, maxSessions } = terms;
    this.ledger = new Ledger({ keptMs: KEPT_MS, maxPackets, maxBytes });
    this.sessions = new Sessions(maxSessions);
    this.#line = terms.bus && new Line(terms.bus, this.#linePort());
    this.#intake = this.#makeIntake();
    this.#outflow = this.#makeOutflow();
    this.asks = new Asks({
      me: this.me,
      doubt: (member) => this.#attendance.doubt(member),
      local: (nsp) => this.#locals.get(nsp),
      post: (to, kind, answer) => this.#posts.send(to, kind, answer),
    });
    this.#posts = new Posts({
      me: this.me,
      publish: async (to, piece, options) => this.#line?.to(to, piece, options),
      heard: (from, kind, value) => this.#heardLetter(from, kind, value),
      refused: (error) => this.#attendance.refused(error),
      unwritable: (error) => this.faults.tell("another worker cannot be answered", error),
    });
    this.#catchUp = new CatchUp({
      ...{ inflow: this.#intake.inflow, ledger: this.ledger, sessions: this.sessions },
      post: (to, kind, value) => this.#posts.send(to, kind, value),
    });
    this.#attendance = new Attendance({
      ...{ me: this.me, bus: terms.bus, line: this.#line, faults: this.faults, posts: this.#posts },
      ...{ sessions: this.sessions, intake: this.#intake, outflow: this.#outflow },
      ...{ catchUp: this.#catchUp, ledger: this.ledger, locals: () => this.#locals.values() },
      gone: (member) => this.#gone(member),
    });
    this.transfers = new Transfers({
      ...{ me: this.me, intake: this.#intake, ledger: this.ledger, sessions: this.sessions },
      whenSettled: () => this.#attendance.whenSettled(),
      isMember: (member) => this.#attendance.members.has(member),
      nextNumber: () => this.#outflow.next,
      say: (kind, meta) => this.say(kind, meta),
      local: (nsp) => this.#locals.get(nsp),
      lacks: (member) => this.#attendance.lacks(member),
      doubt: (member) => this.#attendance.doubt(member),
    });
    this.#timer = setInterval(() => this.#trim(), TRIM_EVERY_MS).unref();
    void this.#attendance.begin();
  }

  /** This member and all others it knows. */
  get serverCount(): number {
    return this.#attendance.members.size + 1;
  }

  get others(): readonly string[] {
    return this.#attendance.members.all();
  }

  get positions(): ReadonlyMap<string, number> {
    return this.#intake.inflow.positions;
  }

  add(local: Local): void {
    this.#locals.set(local.name, local);
    if (!local.times) return;
    this.ledger.keep(local.times.packetMs);
    this.#sessionsKeptMs = Math.max(this.#sessionsKeptMs, local.times.sessionMs);
  }

  /** Resolves when all that was said has been passed on; with the last one the member leaves. */
  async remove(local: Local): Promise<void> {
    if (this.#locals.get(local.name) === local) this.#locals.delete(local.name);
    if (this.#locals.size > 0) return;
    if (this.#outflow.state === "open") {
      this.#attendance.leave();
      await Promise.race([this.#outflow.flush(), this.#intake.when(() => false, FLUSH_WITHIN_MS)]);
    }
    clearInterval(this.#timer);
    this.#intake.close();
    this.#outflow.detach("alone");
    const told = (error: unknown): void => this.faults.tell("leaving the bus failed", error);
    await this.#line?.close().catch(told);
  }

  /** See `Outflow.say`. */
  say(kind: string, meta: unknown, body: Uint8Array = new Uint8Array(), isEarly = false): number {
    return this.#outflow.say(kind, meta, body, isEarly && this.#intake.isLive);
  }

  inTurn(run: () => void, waits?: () => void): void {
    this.#outflow.inTurn(run, waits);
  }

  /** Resolves when all that was said until now has been passed on. */
  flush(): Promise<void> {
    return this.#outflow.flush();
  }

  /** Asks all other members; their answers come to `asks`. */
  ask(id: number, question: Omit<Question, "id">, data: unknown): void {
    this.say("ask", { ...question, id }, pack(data));
  }

  #linePort() {
    return {
      ...{ me: this.me, name: this.terms.name, isTeller: () => this.#attendance.isTeller },
      toAll: (entry: Entry) => {
        this.#attendance.noticed(entry);
        this.#intake.take(entry);
      },
      toMe: (entry: Entry) => {
        this.#attendance.heardFrom(entry.from);
        this.#posts.take(entry);
      },
      exit: (app: string, worker: number) => {
        const { members } = this.#attendance;
        for (const member of members.of(app, worker)) this.#attendance.gone(member);
      },
      up: () => this.#attendance.up(),
      down: () => this.#attendance.down(),
      failed: (error: unknown) => this.faults.tell("a message of another worker failed", error),
    };
  }

  #makeIntake(): Intake {
    return new Intake(this.me, {
      apply: (entry) => this.#apply(entry),
      own: (n) => this.#outflow.heard(n),
      ledger: this.ledger,
      isRepairing: () => this.#attendance.isRepairing,
      repair: (member) => void this.#attendance.repair(member),
      lost: (member, count) => this.#attendance.lost(member, count),
      isMember: (member) => this.#attendance.members.has(member),
    });
  }

  #makeOutflow(): Outflow {
    return new Outflow({
      me: this.me,
      publish: (piece) => this.#line?.toAll(piece) ?? Promise.resolve(),
      deliver: (entry) => {
        this.#intake.inflow.note(this.me, entry.n);
        this.#apply(entry);
        this.#intake.look();
      },
      refused: (error) => this.#attendance.refused(error),
      dropped: (count) =>
        this.faults.tell(`${count} messages to other workers were dropped`, undefined, "dropped"),
    });
  }

  #gone(member: string): void {
    this.#posts.forget(member);
    this.#line?.forget(member);
    this.#catchUp.gone(member);
    this.transfers.gone(member);
    this.asks.gone(member);
    this.#intake.gone(member);
  }

  #heardLetter(from: string, kind: string, value: unknown): void {
    if (kind === "here") this.#attendance.heardHere(from, value as never);
    else if (kind === "hello") this.#attendance.heardGreeting(from, value as never);
    else if (kind === "retell") this.#attendance.retell();
    else if (kind === "sign") this.#attendance.sign();
    else if (kind === "want") this.#catchUp.heardWant(from, value as never);
    else if (kind === "page") this.#catchUp.heardPage(value as never);
    else if (kind === "answer") {
      const { id, value: told, isLast } = value as Answer;
      this.asks.heard(id, from, told, isLast);
    }
  }

  #apply(entry: Entry): void {
    this.ledger.append(entry);
    try {
      this.#carryOut(entry);
    } catch (error) {
      this.faults.tell(`what another worker said failed (${entry.kind})`, error);
    }
  }

  #carryOut(entry: Entry): void {
    const { kind, from, meta } = entry;
    if (kind === "packet" || kind === "fleeting") {
      const local = this.#locals.get((meta as PacketMeta).nsp);
      local?.deliver(entry, () => this.ledger.offset(this.positions));
    } else if (kind === "join" || kind === "leave" || kind === "disconnect") {
      this.#locals.get((meta as PacketMeta).nsp)?.act(kind, meta as never);
    } else if (kind === "ask") this.asks.answer(entry);
    else if (kind === "bye") this.#attendance.gone(from);
    else this.transfers.heard(entry);
  }

  #trim(): void {
    const { members, hasMetAll, isAwaited } = this.#attendance;
    if (!isAwaited) this.ledger.trim(Date.now());
    this.transfers.trim(this.#sessionsKeptMs, hasMetAll);
    this.#intake.inflow.forget((member) => member !== this.me && !members.has(member));
  }
}
