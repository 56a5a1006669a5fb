/** Where the messages of a subject go: found once, then at hand until somebody comes, turns or goes. Pure. */
import { hash } from "../rendezvous.ts";
import { type Group, newGroup } from "./groups.ts";
import type { Seat, Standing } from "./members.ts";
import { CACHED_SUBJECTS, SubjectTree } from "./subjects.ts";
import type { Target } from "./terms.ts";

/** Who gets what is published to a subject: all of `everyone`, and one of each group. */
export interface Route {
  readonly everyone: readonly Target[];
  /** Those with a ready member. */
  readonly groups: readonly Group[];
}

const NOWHERE: Route = { everyone: [], groups: [] };
const NO_RESPONDERS: Group = { seats: [], members: [], by: "turns", next: 0 };

/** The subscriptions of all members. */
export class Routes {
  readonly #listening = new SubjectTree<Seat>();
  readonly #replying = new SubjectTree<Seat>();
  readonly #routes = new Map<string, Route>();
  readonly #responders = new Map<string, Group>();
  #built = 0;

  /** How many subscriptions there are. */
  get size(): number {
    return this.#listening.size + this.#replying.size;
  }

  /** How many lists are at hand. */
  get cached(): number {
    return this.#routes.size + this.#responders.size;
  }

  add(seat: Seat): void {
    this.#treeOf(seat).add(seat.subscription.pattern, seat);
    this.changed();
  }

  remove(seat: Seat): void {
    this.#treeOf(seat).remove(seat.subscription.pattern, seat);
    this.changed();
  }

  /** To be called when a member's state has changed: what is at hand is no longer true. */
  changed(): void {
    this.#routes.clear();
    this.#responders.clear();
  }

  listeners(subject: string): Route {
    const known = this.#routes.get(subject);
    if (known !== undefined) return known;
    if (this.#listening.size === 0) return NOWHERE;
    if (this.#routes.size >= CACHED_SUBJECTS) this.#routes.clear();
    const route = this.#routeOf(subject);
    this.#routes.set(subject, route);
    return route;
  }

  /** The ready ones that reply to a subject: one group, whatever queues they name. */
  responders(subject: string): Group {
    const known = this.#responders.get(subject);
    if (known !== undefined) return known;
    if (this.#replying.size === 0) return NO_RESPONDERS;
    if (this.#responders.size >= CACHED_SUBJECTS) this.#responders.clear();
    const ready = this.#replying.search(subject).filter(isReady);
    const group = ready.length === 0 ? NO_RESPONDERS : newGroup(ready, this.#start());
    this.#responders.set(subject, group);
    return group;
  }

  #treeOf(seat: Seat): SubjectTree<Seat> {
    return seat.subscription.kind === "listen" ? this.#listening : this.#replying;
  }

  #routeOf(subject: string): Route {
    const everyone = new Set<Standing>();
    const queues = new Map<string, Seat[]>();
    for (const seat of this.#listening.search(subject)) {
      const { queue } = seat.subscription;
      if (queue === null) {
        everyone.add(seat.standing);
      } else if (isReady(seat)) {
        const seats = queues.get(queue);
        if (seats === undefined) queues.set(queue, [seat]);
        else seats.push(seat);
      }
    }
    if (everyone.size === 0 && queues.size === 0) return NOWHERE;
    return {
      everyone: Array.from(everyone, (standing) => standing.target),
      groups: Array.from(queues.values(), (seats) => newGroup(seats, this.#start())),
    };
  }

  /** Where turns begin: scattered, so that the oldest is not preferred where members come and go all the time. */
  #start(): number {
    this.#built += 1;
    return hash(`${this.#built}`);
  }
}

function isReady(seat: Seat): boolean {
  return seat.standing.state === "ready";
}
