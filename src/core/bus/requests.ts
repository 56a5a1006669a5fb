/** The requests that are open, and who works on them: each is answered once, or fails once. Pure. */
import { PassingMap } from "../passing-map.ts";
import type { Deadlines } from "./deadlines.ts";
import { seatForRequest } from "./groups.ts";
import type { Held, Waiting } from "./held.ts";
import type { Seat, Standing } from "./members.ts";
import type { Routes } from "./routes.ts";
import type { Ask, FailureCode, IsFull, Member, Outcome } from "./terms.ts";
import { newRequest, type Request, type Work } from "./work.ts";

/** What the requests share with the rest of the exchange. */
export interface Shared {
  readonly members: ReadonlyMap<number, Standing>;
  readonly routes: Routes;
  readonly held: Held;
  readonly deadlines: Deadlines<Waiting>;
}

const HIGHEST_NUMBER = 0xffff_ffff;

/** All open requests. What is to be sent is appended to `out`. */
export class Requests {
  readonly #shared: Shared;
  readonly #most: number;
  readonly #works = new PassingMap<number, Work>();
  #last = 0;
  #open = 0;
  #cancelled = 0;

  /** `most`: how many exchanges may be under way at once. */
  constructor(shared: Shared, most: number) {
    this.#shared = shared;
    this.#most = most;
  }

  /** How many wait for an answer. */
  get open(): number {
    return this.#open;
  }

  /** How many exchanges are under way: one for each member that works on one. */
  get working(): number {
    return this.#works.size;
  }

  /** How many were given up by who asked, from the start; of a gather each member counts. */
  get cancelled(): number {
    return this.#cancelled;
  }

  /** A new request. */
  begin(asker: Standing, ask: Ask, now: number, isFull: IsFull, out: Outcome[]): void {
    const request = newRequest(asker, ask);
    asker.asked.set(request.id, request);
    this.#shared.deadlines.add(request);
    this.#open += 1;
    if (request.deadline <= now) this.#fail(request, "TIMEOUT", null, out);
    else this.route(request, isFull, out);
  }

  /** Sends a request to who replies now; without anybody it waits or fails. */
  route(request: Request, isFull: IsFull, out: Outcome[]): void {
    const group = this.#shared.routes.responders(request.subject);
    if (group.seats.length === 0) this.#wait(request, out);
    else if (request.isGather) this.#askAll(request, group.seats, isFull, out);
    else {
      const seat = seatForRequest(group, request.key, isFull, request.bytes);
      if (seat !== null && this.#works.size < this.#most) this.#ask(request, seat, out);
      else this.#fail(request, request.lost ? "WORKER_LOST" : "OVERLOADED", request.lost, out);
    }
    if (!request.isIdempotent && request.works.size > 0) request.payload = undefined;
  }

  /** A member's answer, or what its handler threw; whose exchange is not (or no longer) its own is dropped. */
  answered(member: number, exchange: number, payload: unknown, out: Outcome[]): void {
    const work = this.#works.get(exchange);
    if (work === undefined || work.worker.member.id !== member) return;
    const { request, worker } = work;
    this.#forget(work);
    const { asker, id } = request;
    out.push({ kind: "answer", member: asker.member.id, id, from: worker.member, payload });
    this.#settle(request, out);
  }

  /** Nobody waits for it any more: whoever works on it is told. */
  cancel(request: Request, out: Outcome[]): void {
    this.#cancelled += Math.max(1, request.works.size);
    this.#cancelWorks(request, out);
    this.#end(request);
  }

  /** Its deadline has come. */
  expire(request: Request, out: Outcome[]): void {
    const working = Array.from(request.works, (work) => work.worker.member);
    this.#cancelWorks(request, out);
    if (request.isGather) this.#gathered(request, working, out);
    else if (working[0] !== undefined) this.#fail(request, "TIMEOUT", working[0], out);
    else if (request.lost !== null) this.#fail(request, "WORKER_LOST", request.lost, out);
    else this.#fail(request, "NO_RESPONDERS", null, out);
  }

  /** Who worked on it is gone, and no longer among the members: an idempotent request goes elsewhere, once. */
  lose(work: Work, now: number, isFull: IsFull, out: Outcome[]): void {
    const { request, worker } = work;
    this.#forget(work);
    if (request.isGather) {
      this.#tell(request, "WORKER_LOST", worker.member, false, out);
      this.#settle(request, out);
      return;
    }
    const mayRetry = request.isIdempotent && request.lost === null && request.deadline > now;
    request.lost = worker.member;
    if (mayRetry) this.route(request, isFull, out);
    else this.#fail(request, "WORKER_LOST", worker.member, out);
  }

  #wait(request: Request, out: Outcome[]): void {
    const { isHeld, lost } = request;
    if (isHeld && this.#shared.held.keep(request)) return;
    if (lost !== null) this.#fail(request, "WORKER_LOST", lost, out);
    else if (isHeld) this.#fail(request, "OVERLOADED", null, out);
    else if (request.isGather) this.#gathered(request, [], out);
    else this.#fail(request, "NO_RESPONDERS", null, out);
  }

  #askAll(request: Request, seats: readonly Seat[], isFull: IsFull, out: Outcome[]): void {
    const first = new Map<Standing, Seat>();
    for (const seat of seats) if (!first.has(seat.standing)) first.set(seat.standing, seat);
    if (this.#works.size + first.size > this.#most) {
      this.#fail(request, "OVERLOADED", null, out);
      return;
    }
    for (const [{ member }, seat] of first) {
      if (isFull(member.id, request.bytes)) this.#tell(request, "OVERLOADED", member, false, out);
      else this.#ask(request, seat, out);
    }
    this.#settle(request, out);
  }

  #ask(request: Request, seat: Seat, out: Outcome[]): void {
    const { subject, deadline, payload, lost } = request;
    const exchange = this.#nextNumber();
    const work: Work = { exchange, worker: seat.standing, request };
    this.#works.set(exchange, work);
    request.works.add(work);
    seat.standing.works.set(exchange, work);
    const { member, to } = seat.target;
    const from = request.asker.member.id;
    const attempt = lost === null ? 1 : 2;
    out.push({ kind: "ask", member, to, exchange, subject, deadline, from, attempt, payload });
  }

  /** Ends what nobody works on any more: a gather says so, a single request has been answered. */
  #settle(request: Request, out: Outcome[]): void {
    if (request.works.size > 0) return;
    if (request.isGather) this.#gathered(request, [], out);
    else this.#end(request);
  }

  #gathered(request: Request, missing: readonly Member[], out: Outcome[]): void {
    const member = request.asker.member.id;
    out.push({ kind: "gathered", member, id: request.id, missing });
    this.#end(request);
  }

  #fail(request: Request, code: FailureCode, from: Member | null, out: Outcome[]): void {
    this.#tell(request, code, from, true, out);
    this.#end(request);
  }

  #tell(
    request: Request,
    code: FailureCode,
    from: Member | null,
    isLast: boolean,
    out: Outcome[],
  ): void {
    const member = request.asker.member.id;
    out.push({ kind: "failed", member, id: request.id, code, from, isLast });
  }

  #cancelWorks(request: Request, out: Outcome[]): void {
    for (const work of request.works) {
      const member = work.worker.member.id;
      this.#forget(work);
      if (this.#shared.members.has(member)) {
        out.push({ kind: "cancel", member, exchange: work.exchange });
      }
    }
  }

  #forget(work: Work): void {
    this.#works.delete(work.exchange);
    work.request.works.delete(work);
    work.worker.works.delete(work.exchange);
  }

  #end(request: Request): void {
    request.asker.asked.delete(request.id);
    this.#shared.deadlines.remove(request);
    this.#shared.held.remove(request);
    this.#open -= 1;
  }

  /** Exchange numbers are 32 bits wide in frames; one that is still open is passed over. */
  #nextNumber(): number {
    do {
      this.#last = this.#last >= HIGHEST_NUMBER ? 1 : this.#last + 1;
    } while (this.#works.has(this.#last));
    return this.#last;
  }
}
