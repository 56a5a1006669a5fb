/**
 * What is done to the supervisor and its workers, in which order and after which pauses: a pure function of the seed.
 * Workers are named by their slots, never by what a run makes of them, so that the same seed is the same schedule.
 */

import { Random } from "./random.ts";

export type Action =
  | { readonly kind: "kill-supervisor" | "kill-heir" | "kill-both" | "upgrade" }
  | { readonly kind: "stop-supervisor"; readonly forMs: number }
  | { readonly kind: "kill-worker" | "crash-worker" | "restart-slot"; readonly slot: number }
  | { readonly kind: "reload" | "list" | "metrics" }
  | { readonly kind: "scale"; readonly to: number }
  /** Everything rests, and is counted: the end of a round. */
  | { readonly kind: "look" };

export type Kind = Exclude<Action["kind"], "look">;

export interface Step {
  readonly n: number;
  /** Each round does some kinds of actions and leaves others out: what hides behind one kind shows without it. */
  readonly round: number;
  /** Before the action. */
  readonly pauseMs: number;
  readonly action: Action;
}

/** Workers at the start, and again at each look. */
export const CALM_SIZE = 3;
const LARGEST_SIZE = 6;

const WEIGHTS: Readonly<Record<Kind, number>> = {
  "kill-supervisor": 4,
  "kill-heir": 2,
  "kill-both": 2,
  "stop-supervisor": 2,
  "kill-worker": 4,
  "crash-worker": 2,
  reload: 2,
  scale: 2,
  "restart-slot": 1,
  list: 1,
  metrics: 1,
  upgrade: 1,
};

export const KINDS = Object.keys(WEIGHTS) as readonly Kind[];

/** Without end; a round ends with a look. */
export function* schedule(seed: number): Generator<Step, never> {
  const random = new Random(seed);
  let n = 0;
  for (let round = 0; ; round += 1) {
    // The first round is of everything.
    const kinds = round === 0 ? KINDS : kindsOf(random);
    const length = random.whole(8, 14);
    let size = CALM_SIZE;
    for (let step = 0; step < length; step += 1) {
      const action = draw(random, kinds, size);
      if (action.kind === "scale") size = action.to;
      yield { n, round, pauseMs: pause(random), action };
      n += 1;
    }
    yield { n, round, pauseMs: 0, action: { kind: "look" } };
    n += 1;
  }
}

/** At least two. */
function kindsOf(random: Random): readonly Kind[] {
  for (;;) {
    const some = KINDS.filter(() => random.chance(0.5));
    if (some.length >= 2) return some;
  }
}

function draw(random: Random, kinds: readonly Kind[], size: number): Action {
  const kind = random.pick(WEIGHTS, kinds);
  switch (kind) {
    case "stop-supervisor":
      return { kind, forMs: random.whole(100, 3000) };
    case "kill-worker":
    case "crash-worker":
    case "restart-slot":
      return { kind, slot: random.whole(0, size - 1) };
    case "scale": {
      // Never to the same: one of the others.
      const to = random.whole(1, LARGEST_SIZE - 1);
      return { kind, to: to < size ? to : to + 1 };
    }
    default:
      return { kind };
  }
}

/** Some at once after the one before, most while it is under way, few when it is over. */
function pause(random: Random): number {
  const luck = random.next();
  if (luck < 0.3) return random.whole(0, 150);
  if (luck < 0.8) return random.whole(200, 1200);
  return random.whole(1000, 3000);
}

/** One line of it. */
export function titleOf(action: Action): string {
  switch (action.kind) {
    case "stop-supervisor":
      return `${action.kind} for ${action.forMs} ms`;
    case "kill-worker":
    case "crash-worker":
    case "restart-slot":
      return `${action.kind} ${action.slot}`;
    case "scale":
      return `${action.kind} to ${action.to}`;
    default:
      return action.kind;
  }
}
