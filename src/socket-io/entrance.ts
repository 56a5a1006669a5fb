/** How a member comes in: it opens its line, says hello, and has itself told what was before; or it works alone. */

import { covers } from "../core/socket-io/positions.ts";
import type { AttendancePort } from "./attendance.ts";
import { learnFrom, type Told } from "./catch-up.ts";
import { codeOf, isFinal, isPassing } from "./faults.ts";
import type { Line } from "./line.ts";

const OPENINGS = 20;
const OPEN_AGAIN_AFTER_MS = 250;
/** After so many it works alone meanwhile, and tries again later and later. */
const BEGIN_AGAIN_AFTER_MS = 1000;
const BEGIN_AGAIN_AT_MOST_MS = 30_000;

export interface EntrancePort
  extends Pick<
    AttendancePort,
    "bus" | "line" | "faults" | "sessions" | "ledger" | "intake" | "outflow" | "catchUp"
  > {
  hello(): void;
  /** Nobody has told what was before. */
  untold(): void;
  /** There is no bus until it is there again. */
  detached(): void;
}

export class Entrance {
  readonly #port: EntrancePort;
  #isOpening = false;
  #isWaiting = false;
  #againAfterMs = BEGIN_AGAIN_AFTER_MS;
  #openedAt: number | null = null;
  #isUntold = false;

  constructor(port: EntrancePort) {
    this.#port = port;
  }

  get isOpen(): boolean {
    return this.#openedAt !== null;
  }

  /** There are others, as far as is known here, and none of them has told what was before. */
  get isUntold(): boolean {
    return this.#isUntold;
  }

  /** How long it has been open. */
  get openMs(): number {
    return this.#openedAt === null ? 0 : performance.now() - this.#openedAt;
  }

  /** Takes part from now on; without a bus, alone. */
  async begin(openings = OPENINGS): Promise<void> {
    const { line } = this.#port;
    if (!line) return this.#beginAlone();
    if (this.#isOpening || this.isOpen) return;
    this.#isOpening = true;
    for (let left = openings - 1; !this.isOpen && !this.#isOver; left -= 1) {
      try {
        await this.#join(line);
      } catch (error) {
        await line.close().catch(() => {});
        if (this.#isOver) break;
        // The supervisor has gone just now, and another one comes; or it has too much to do.
        const isAgain = isPassing(codeOf(error)) && left > 0;
        if (!isAgain) {
          this.#beginWithout(error);
          break;
        }
        await new Promise((resolve) => setTimeout(resolve, OPEN_AGAIN_AFTER_MS));
      }
    }
    this.#isOpening = false;
  }

  async #join(line: Line): Promise<void> {
    const { outflow, intake, sessions } = this.#port;
    // What came by one that failed says nothing of what comes by this one.
    intake.down();
    const ready = await line.open();
    // It has worked alone meanwhile: what it is told now has to come before what the others go on with.
    const late = intake.isLive ? await this.#fetch(ready) : null;
    // Its server was closed meanwhile.
    if (this.#isOver) return void (await line.close());
    if (late) this.#learnLate(late);
    this.#openedAt = performance.now();
    this.#port.hello();
    outflow.open();
    const told = intake.isLive ? null : await this.#fetch(ready);
    if (told) learnFrom(told, sessions);
    this.#isUntold = !told && !late && (ready.length > 0 || line.isUnsure);
    if (!intake.isLive) intake.goLive(told);
    if (this.#isUntold) this.#port.untold();
  }

  /** Of those that nothing has come of yet; what others had said is as good as lost. */
  #learnLate(late: Told): void {
    const { intake, ledger, sessions } = this.#port;
    const { entries, positions, dropped } = late;
    const fresh = new Map<string, number>();
    for (const [from, n] of positions) {
      // What waits here comes after that in its turn, though it was told as well.
      if (!intake.inflow.knows(from)) fresh.set(from, Math.min(n, intake.inflow.lowest(from) - 1));
    }
    for (const entry of entries) if (covers(fresh, entry.from, entry.n)) ledger.append(entry);
    for (const [from, n, at] of dropped) ledger.lack(from, n, at);
    learnFrom(late, sessions);
    for (const [from, n] of positions) {
      const at = fresh.get(from);
      if (at !== undefined) intake.begin(from, at);
      else ledger.lack(from, n, Date.now());
    }
  }

  async #fetch(ready: readonly string[]): Promise<Told | null> {
    if (ready.length === 0) return null;
    try {
      return await this.#port.catchUp.fetch(ready, new Map(), true);
    } catch (error) {
      this.#port.faults.tell("what another worker has kept cannot be read", error);
      return null;
    }
  }

  get #isOver(): boolean {
    return this.#port.outflow.state === "alone";
  }

  #beginAlone(): void {
    const told = "The Socket.IO adapter works in this process alone, as it has no bus of Holdfast.";
    process.emitWarning(told, { type: "HoldfastSocketIoWarning" });
    this.#port.intake.goLive(null);
    this.#port.outflow.detach("alone");
  }

  /** There is no bus, for good or until it is there again. */
  #beginWithout(error: unknown): void {
    const { intake, outflow, faults } = this.#port;
    faults.tell("it works alone, as there is no bus", error);
    const code = codeOf(error);
    if (!intake.isLive) intake.goLive(null);
    const isForGood = code === null || isFinal(code);
    outflow.detach(isForGood ? "alone" : "detached");
    if (isForGood) return;
    this.#port.detached();
    this.#awaitBus();
    // The bus is there, and had no room for too long: nothing tells when it has.
    if (isPassing(code)) this.#beginLater();
  }

  #awaitBus(): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#port.bus?.on("up", () => {
      this.#againAfterMs = BEGIN_AGAIN_AFTER_MS;
      void this.begin();
    });
  }

  #beginLater(): void {
    setTimeout(() => void this.begin(1), this.#againAfterMs).unref();
    this.#againAfterMs = Math.min(2 * this.#againAfterMs, BEGIN_AGAIN_AT_MOST_MS);
  }
}
