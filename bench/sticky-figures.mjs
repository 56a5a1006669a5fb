/** What the turns of the sticky benchmark amount to, and what is demanded of it. */

import { ratio } from "./rounds.mjs";
import { median, sum } from "./statistics.mjs";
import { isCalm } from "./turn.mjs";

/** @typedef {import("./turn.mjs").Turn & { case: string }} Turn */

/**
 * @typedef {object} Figures of one contender in one case
 * @property {number} perSecond
 * @property {number} elsewherePerSecond
 * @property {number} p50Ms
 * @property {number} p99Ms
 * @property {number} cpuMicros
 * @property {number} busiestPercent
 * @property {number} errors of all turns
 */

/**
 * @param {readonly Turn[]} turns of one contender in one case
 * @returns {Figures}
 */
export function figuresOf(turns) {
  const calm = turns.filter(isCalm);
  const taken = calm.length > 0 ? calm : turns;
  const middle = (/** @type {(turn: Turn) => number} */ of) => median(taken.map(of));
  return {
    perSecond: middle((turn) => turn.perSecond),
    elsewherePerSecond: middle((turn) => turn.elsewherePerSecond),
    p50Ms: middle((turn) => turn.p50Ms),
    p99Ms: middle((turn) => turn.p99Ms),
    cpuMicros: middle((turn) => turn.cpuMicros),
    busiestPercent: middle((turn) => turn.busiestPercent),
    errors: errorsOf(turns),
  };
}

/** @param {readonly Turn[]} turns */
function errorsOf(turns) {
  return sum(turns.flatMap((turn) => Object.values(turn.errors)));
}

/** @type {readonly (readonly [what: string, which: string, own: string, peer: string, min: number])[]} */
const DEMANDS = [
  ["matched requests/s by those with sticky off", "matched", "on", "off", 0.97],
  ["matched requests/s by @socket.io/sticky's", "sid", "on", "socketio", 10],
  ["new connections/s by @socket.io/sticky's", "new", "on", "socketio", 2.5],
  ["echoes/s, handed over, by bare cluster's", "echo", "on", "cluster", 0.98],
];
const SPREAD_MAX = 1.05;

/**
 * Only what was measured is judged.
 * @param {readonly Turn[]} turns
 * @param {import("./sticky-placement.mjs").Placement | undefined} placement
 * @returns {import("./targets.mjs").Target[]}
 */
export function stickyTargets(turns, placement) {
  const judged = DEMANDS.flatMap(([what, which, own, peer, min]) => {
    const found = ratio(turns, [which, own], [which, peer]);
    return found ? [{ what, value: found.spread, isDoubtful: found.isDoubtful, min }] : [];
  });
  const subject = turns.filter(({ contender }) => contender === "on");
  const placed = placement
    ? [
        { what: "most sessions of a worker by least", value: placement.spread, max: SPREAD_MAX },
        { what: "errors while placed", value: sum(Object.values(placement.errors)), max: 0 },
      ]
    : [];
  const errors = subject.length > 0 ? [{ what: "errors", value: errorsOf(subject), max: 0 }] : [];
  return [...judged, ...placed, ...errors];
}
