/**
 * Who is given the next messages of durable queues: consumers that are ready and have room, by turns. A store is asked
 * for them, and answers later; so the dispatcher says what to ask, and is told what came. No I/O and no clock.
 */

/** A consumer, as it asked to be. */
export interface Chair {
  /** Never used by another one at the same time. */
  readonly holder: string;
  readonly queue: string;
  readonly member: number;
  /** Messages it may have at the same time. */
  readonly concurrency: number;
}

/** What to ask the store for. */
export interface Take {
  readonly holder: string;
  readonly queue: string;
  readonly limit: number;
}

/** Of one queue so many are asked for at the same time at most. */
const MOST_ASKED = 256;
/** What one question should bring at most, going by what the last ones brought. */
const TAKE_BYTES = 256 * 1024;

interface Seat extends Chair {
  readonly line: Line;
  /** It has them, or they were asked for. */
  taken: number;
}

interface Line {
  /** Seats with room whose member may be given something, in the order of their turns. */
  readonly free: Set<Seat>;
  seats: number;
  /** There may be something. */
  isDue: boolean;
  /** How often that was said. */
  calls: number;
  /** So many are asked for at the same time: doubled as long as all that was asked for came. */
  most: number;
  asked: number;
  /** Of a message, the larger of what is usual and what came last. */
  bytesEach: number;
}

interface Asked extends Take {
  readonly line: Line;
  readonly seat: Seat;
  readonly calls: number;
}

export class Dispatcher {
  readonly #seats = new Map<string, Seat>();
  readonly #lines = new Map<string, Line>();
  /** Lines that may have something for somebody, in the order of their turns. */
  readonly #due = new Set<Line>();
  /** Members that may be given nothing: they start, drain, or their window is spent. */
  readonly #barred = new Map<number, Set<string>>();
  readonly #byMember = new Map<number, Set<Seat>>();
  readonly #asked = new Set<Asked>();

  /** Consumers. */
  get size(): number {
    return this.#seats.size;
  }

  /** The queues that have a consumer. */
  get queues(): readonly string[] {
    return [...this.#lines].filter(([, { seats }]) => seats > 0).map(([queue]) => queue);
  }

  /** Comes, or comes again with other terms. `taken`: what it has already. */
  add(chair: Chair, taken = 0): void {
    this.remove(chair.holder);
    const line = this.#lines.get(chair.queue) ?? newLine();
    this.#lines.set(chair.queue, line);
    const seat: Seat = { ...chair, line, taken };
    line.seats += 1;
    this.#seats.set(chair.holder, seat);
    const own = this.#byMember.get(chair.member) ?? new Set();
    this.#byMember.set(chair.member, own.add(seat));
    this.#place(seat);
  }

  /** Is given nothing more. What it has is no longer counted. */
  remove(holder: string): void {
    const seat = this.#seats.get(holder);
    if (!seat) return;
    this.#seats.delete(holder);
    seat.line.seats -= 1;
    seat.line.free.delete(seat);
    const own = this.#byMember.get(seat.member);
    own?.delete(seat);
    if (own?.size === 0) this.#byMember.delete(seat.member);
    this.#tidy(seat.queue, seat.line);
  }

  /** A member may be given nothing for this reason, until it is lifted. */
  bar(member: number, why: string): void {
    const reasons = this.#barred.get(member) ?? new Set();
    this.#barred.set(member, reasons.add(why));
    for (const seat of this.#byMember.get(member) ?? []) seat.line.free.delete(seat);
  }

  lift(member: number, why: string): void {
    const reasons = this.#barred.get(member);
    if (!reasons?.delete(why) || reasons.size > 0) return;
    this.#barred.delete(member);
    for (const seat of this.#byMember.get(member) ?? []) this.#place(seat);
  }

  /** The member is gone. */
  leave(member: number): void {
    for (const seat of [...(this.#byMember.get(member) ?? [])]) this.remove(seat.holder);
    this.#barred.delete(member);
  }

  /** There may be something in the queue that was not there when it was last asked. */
  due(queue: string): void {
    const line = this.#lines.get(queue);
    if (!line) return;
    line.isDue = true;
    line.calls += 1;
    this.#look(line);
  }

  /** What to ask next, which counts as asked from now on; null: nothing at the moment. */
  next(): Take | null {
    for (const line of this.#due) {
      this.#due.delete(line);
      const [seat] = line.free;
      if (!seat || line.asked >= line.most) continue;
      const take = ask(line, seat);
      this.#asked.add(take);
      // Its turn is over: those who have waited come first.
      line.free.delete(seat);
      this.#place(seat);
      this.#look(line);
      return take;
    }
    return null;
  }

  /** What came of it: so many messages with so many bytes. False: nobody is there to get them any more. */
  took(take: Take, came: number, bytes: number): boolean {
    const asked = take as Asked;
    if (!this.#asked.delete(asked)) return false;
    const { line, seat, limit, calls } = asked;
    line.asked -= limit;
    if (came > 0) line.bytesEach = Math.max(bytes / came, line.bytesEach / 2);
    if (came >= limit) line.most = Math.min(MOST_ASKED, line.most * 2);
    else {
      line.most = 1;
      // Unless more was announced since it was asked.
      if (line.calls === calls) line.isDue = false;
    }
    seat.taken -= limit - came;
    const isThere = this.#seats.get(take.holder) === seat;
    if (isThere) this.#place(seat);
    this.#look(line);
    this.#tidy(take.queue, line);
    return isThere;
  }

  /** A consumer has one message less. */
  ended(holder: string): void {
    const seat = this.#seats.get(holder);
    if (!seat || seat.taken === 0) return;
    seat.taken -= 1;
    this.#place(seat);
  }

  /** Has one more, that was not asked for here. */
  kept(holder: string): void {
    const seat = this.#seats.get(holder);
    if (!seat) return;
    seat.taken += 1;
    if (seat.taken >= seat.concurrency) seat.line.free.delete(seat);
  }

  #place(seat: Seat): void {
    if (seat.taken >= seat.concurrency || this.#barred.has(seat.member)) return;
    seat.line.free.add(seat);
    this.#look(seat.line);
  }

  #look(line: Line): void {
    const isWanted = line.isDue && line.free.size > 0 && line.asked < line.most;
    if (isWanted) this.#due.add(line);
  }

  #tidy(queue: string, line: Line): void {
    if (line.seats > 0 || line.asked > 0) return;
    this.#due.delete(line);
    if (this.#lines.get(queue) === line) this.#lines.delete(queue);
  }
}

function newLine(): Line {
  return {
    ...{ free: new Set<Seat>(), seats: 0, isDue: false, calls: 0 },
    ...{ most: 1, asked: 0, bytesEach: 0 },
  };
}

/** An equal share of what may be asked for, within what the seat has room for. */
function ask(line: Line, seat: Seat): Asked {
  const share = Math.ceil((line.most - line.asked) / line.free.size);
  const byBytes = line.bytesEach > 0 ? Math.floor(TAKE_BYTES / line.bytesEach) : MOST_ASKED;
  const limit = Math.max(1, Math.min(share, byBytes, seat.concurrency - seat.taken));
  line.asked += limit;
  seat.taken += limit;
  const { holder, queue } = seat;
  return { holder, queue, limit, line, seat, calls: line.calls };
}
