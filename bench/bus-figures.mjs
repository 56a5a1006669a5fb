/** What the turns of the benchmark `bus` amount to, as text, and what is demanded of them. */

import { of, ratio } from "./rounds.mjs";
import { median, spread, sum } from "./statistics.mjs";
import { columns, number, withSpread } from "./table.mjs";
import { isCalm } from "./turn.mjs";

/** @typedef {import("./bus-turn.mjs").Turn} Turn */

/**
 * @typedef {object} Case
 * @property {string} name
 * @property {string} title
 * @property {readonly string[]} contenders the first is divided by the others
 * @property {"perSecond" | "p50Ms"} figure that is divided
 */

/** @type {readonly Case[]} */
export const CASES = [
  {
    ...{ name: "relay", title: "Messages of 100 bytes from one process to another" },
    ...{ contenders: ["holdfast", "cluster", "redis"], figure: "perSecond" },
  },
  {
    ...{ name: "request", title: "Requests and answers of 100 bytes, one at a time" },
    ...{ contenders: ["holdfast", "cluster", "redis"], figure: "p50Ms" },
  },
  {
    ...{ name: "enqueue", title: "Durable messages of 100 bytes, 200 at a time" },
    ...{ contenders: ["holdfast"], figure: "perSecond" },
  },
];

/** @type {readonly (readonly [title: string, digits: number, of: (turn: Turn) => number | undefined])[]} */
const ROWS = [
  ["per second", 0, (turn) => turn.perSecond],
  ["p50 ms", 3, (turn) => turn.p50Ms],
  ["p99 ms", 3, (turn) => turn.p99Ms],
  [
    "CPU us each, the two",
    1,
    ({ cpuMicros: { middle: _middle, ...two } }) => sum(Object.values(two)),
  ],
  ["CPU us each, the middle", 1, (turn) => turn.cpuMicros.middle],
  ["loop delay p99 ms", 1, (turn) => turn.loopP99Ms],
  ["loop busy %", 0, (turn) => turn.loopBusy && turn.loopBusy * 100],
];

const ENQUEUED_MIN = 20_000;
const LOOP_P99_MS_MAX = 5;

/** @param {readonly Turn[]} turns */
export function busTable(turns) {
  return CASES.flatMap((one) => caseTable(turns, one)).join("\n\n");
}

/**
 * @param {readonly Turn[]} turns
 * @param {Case} one
 */
function caseTable(turns, { name, title, contenders, figure }) {
  const names = contenders.filter((each) => of(turns, [name, each]).length > 0);
  if (names.length === 0) return [];
  const rows = ROWS.map(([what, digits, figureOf]) => [
    what,
    ...names.map((each) => number(middle(of(turns, [name, each]), figureOf), digits)),
  ]).filter(([, ...shown]) => shown.some((text) => text !== "-"));
  const errors = ["errors", ...names.map((each) => String(errorsOf(of(turns, [name, each]))))];
  const subject = /** @type {string} */ (contenders[0]);
  const divided = names.map((each) => {
    const found =
      each === subject ? undefined : ratio(turns, [name, subject], [name, each], figure);
    return found ? `${withSpread(found.spread)}${found.isDoubtful ? " disturbed" : ""}` : "";
  });
  const what = figure === "perSecond" ? "per second" : "p50";
  const ratios = names.length > 1 ? [[`${what}, ${subject} /`, ...divided]] : [];
  return [`${title}\n${columns([["", ...names], ...rows, errors, ...ratios])}`];
}

/**
 * @param {readonly Turn[]} turns of one contender in one case
 * @param {(turn: Turn) => number | undefined} figureOf
 */
function middle(turns, figureOf) {
  return median(calmOf(turns).map((turn) => figureOf(turn) ?? Number.NaN));
}

/** @param {readonly Turn[]} turns */
function calmOf(turns) {
  const calm = turns.filter(isCalm);
  return calm.length > 0 ? calm : turns;
}

/** @param {readonly Turn[]} turns */
function errorsOf(turns) {
  return sum(turns.flatMap((turn) => Object.values(turn.errors)));
}

/** @type {readonly (readonly [what: string, which: string, peer: string, figure: "perSecond" | "p50Ms", limit: { min?: number, max?: number }])[]} */
const DEMANDS = [
  ["messages/s by Node's own IPC's", "relay", "cluster", "perSecond", { min: 4 }],
  ["messages/s by Redis's", "relay", "redis", "perSecond", { min: 1 }],
  ["p50 of a request by Redis's", "request", "redis", "p50Ms", { max: 1 }],
];

/**
 * Only what was measured is judged.
 * @param {readonly Turn[]} turns
 * @returns {import("./targets.mjs").Target[]}
 */
export function busTargets(turns) {
  const judged = DEMANDS.flatMap(([what, which, peer, figure, limit]) => {
    const found = ratio(turns, [which, "holdfast"], [which, peer], figure);
    return found ? [{ what, value: found.spread, isDoubtful: found.isDoubtful, ...limit }] : [];
  });
  const enqueued = of(turns, ["enqueue", "holdfast"]);
  const stored =
    enqueued.length > 0
      ? [
          {
            ...absolute(enqueued, (turn) => turn.perSecond),
            what: "durable messages/s",
            min: ENQUEUED_MIN,
          },
        ]
      : [];
  const loops = ["relay", "enqueue"].flatMap((which) => {
    const own = of(turns, [which, "holdfast"]);
    if (own.length === 0) return [];
    const what = `supervisor's event loop delay, p99, ${which}`;
    const value = absolute(own, (turn) => turn.loopP99Ms ?? Number.NaN);
    return [{ what, ...value, max: LOOP_P99_MS_MAX, unit: "ms" }];
  });
  const own = turns.filter(({ contender }) => contender === "holdfast");
  const errors = own.length > 0 ? [{ what: "errors", value: errorsOf(own), max: 0 }] : [];
  return [...judged, ...stored, ...loops, ...errors];
}

/**
 * @param {readonly Turn[]} turns
 * @param {(turn: Turn) => number} figureOf
 */
function absolute(turns, figureOf) {
  const calm = turns.filter(isCalm);
  return {
    value: spread(calmOf(turns).map(figureOf)),
    isDoubtful: calm.length < turns.length / 2,
  };
}
