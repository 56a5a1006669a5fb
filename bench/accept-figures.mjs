/** What the turns of the accept benchmark amount to, and what is demanded of it. */

import { median, ratios, sum } from "./statistics.mjs";
import { isCalm } from "./turn.mjs";

/** Whose figures are divided by the others'. */
export const SUBJECT = "holdfast";

const METRICS = /** @type {const} */ ([
  "perSecond",
  "p50Ms",
  "p99Ms",
  "cpuMicros",
  "busiestPercent",
]);

/**
 * @typedef {typeof METRICS[number]} Metric
 * @typedef {import("./turn.mjs").Mode} Mode
 * @typedef {import("./turn.mjs").Turn} Turn
 *
 * @typedef {object} Figures of one contender under one load
 * @property {Record<Metric, number>} medians
 * @property {Record<Metric, import("./statistics.mjs").Spread> | null} ratios the subject's by this one's
 * @property {number} pairs of turns the ratios come from
 * @property {boolean} isDisturbed too few rounds were calm for both: all had to be taken
 * @property {number} errors
 *
 * @typedef {object} Summary
 * @property {Record<Mode, Record<string, Figures>>} modes
 * @property {number} loadShare
 * @property {number} othersShare
 */

/**
 * @param {readonly Turn[]} turns
 * @param {readonly string[]} names
 * @returns {Summary}
 */
export function summarise(turns, names) {
  const ofMode = (/** @type {Mode} */ mode) => {
    const here = turns.filter((turn) => turn.mode === mode);
    return Object.fromEntries(names.map((name) => [name, figures(here, name)]));
  };
  return {
    modes: { connection: ofMode("connection"), "keep-alive": ofMode("keep-alive") },
    loadShare: median(turns.map((turn) => turn.loadShare)),
    othersShare: median(turns.map((turn) => turn.othersShare)),
  };
}

/**
 * @param {readonly Turn[]} turns of one mode
 * @param {string} name
 * @returns {Figures}
 */
function figures(turns, name) {
  const own = turns.filter((turn) => turn.contender === name);
  const calm = own.filter(isCalm);
  const each = (/** @type {(metric: Metric) => unknown} */ figure) =>
    Object.fromEntries(METRICS.map((metric) => [metric, figure(metric)]));
  const values = (/** @type {readonly Turn[]} */ some, /** @type {Metric} */ metric) =>
    some.map((turn) => turn[metric]);
  const { subject, peer, isDisturbed } = pairs(turns, own);
  const isCompared = name !== SUBJECT && subject.length > 0;
  return /** @type {Figures} */ ({
    medians: each((metric) => median(values(calm.length > 0 ? calm : own, metric))),
    ratios: isCompared
      ? each((metric) => ratios(values(subject, metric), values(peer, metric)))
      : null,
    pairs: isCompared ? subject.length : 0,
    isDisturbed: isCompared && isDisturbed,
    errors: sum(own.flatMap((turn) => Object.values(turn.errors))),
  });
}

/**
 * The subject's and a peer's turns of the same rounds: those calm for both where these are half at least.
 * @param {readonly Turn[]} turns
 * @param {readonly Turn[]} own
 */
function pairs(turns, own) {
  const all = own.flatMap((turn) => {
    const found = turns.find((one) => one.contender === SUBJECT && one.round === turn.round);
    return found ? [/** @type {const} */ ([found, turn])] : [];
  });
  const calm = all.filter(([one, other]) => isCalm(one) && isCalm(other));
  const isDisturbed = calm.length < all.length / 2;
  const taken = isDisturbed ? all : calm;
  return { subject: taken.map(([one]) => one), peer: taken.map(([, other]) => other), isDisturbed };
}

/** @type {readonly (readonly [what: string, mode: Mode, metric: Metric, peer: string, limit: { min?: number, max?: number }])[]} */
const DEMANDS = [
  ["new connections/s by bare reusePort's", "connection", "perSecond", "reusePort", { min: 0.95 }],
  ["new connections/s by PM2's", "connection", "perSecond", "pm2", { min: 2 }],
  ["keep-alive requests/s by bare cluster's", "keep-alive", "perSecond", "cluster", { min: 0.98 }],
  ["p99 on new connections by bare cluster's", "connection", "p99Ms", "cluster", { max: 1.05 }],
  ["p99 on keep-alive by bare cluster's", "keep-alive", "p99Ms", "cluster", { max: 1.05 }],
];

/**
 * Only what was measured is judged.
 * @param {Summary} summary
 * @param {readonly string[]} names
 * @returns {import("./targets.mjs").Target[]}
 */
export function acceptTargets({ modes }, names) {
  if (!names.includes(SUBJECT)) return [];
  const judged = DEMANDS.flatMap(([what, mode, metric, peer, limit]) => {
    const figures = modes[mode][peer];
    if (!figures?.ratios) return [];
    return [{ what, value: figures.ratios[metric], isDoubtful: figures.isDisturbed, ...limit }];
  });
  const errors = sum(Object.values(modes).map((figures) => figures[SUBJECT]?.errors ?? 0));
  return [...judged, { what: "errors", value: errors, max: 0 }];
}
