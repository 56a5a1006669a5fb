/** Turns of the same rounds beside each other. */

import { ratios } from "./statistics.mjs";
import { isCalm } from "./turn.mjs";

/**
 * @typedef {object} Turn
 * @property {number} round
 * @property {string} case
 * @property {string} contender
 * @property {number} perSecond
 * @property {number} p50Ms
 * @property {number} othersShare
 *
 * @typedef {object} Ratio
 * @property {import("./statistics.mjs").Spread} spread
 * @property {number} pairs
 * @property {boolean} isDoubtful too few rounds were calm for both: all had to be taken
 */

/**
 * A figure of one by that of the other, round by round; undefined when there are none of either.
 * @param {readonly Turn[]} turns
 * @param {readonly [which: string, contender: string]} one
 * @param {readonly [which: string, contender: string]} other
 * @param {"perSecond" | "p50Ms"} [figure]
 * @returns {Ratio | undefined}
 */
export function ratio(turns, one, other, figure = "perSecond") {
  const pairs = of(turns, other).flatMap((peer) => {
    const own = of(turns, one).find(({ round }) => round === peer.round);
    return own ? [{ own, peer }] : [];
  });
  if (pairs.length === 0) return undefined;
  const calm = pairs.filter(({ own, peer }) => isCalm(own) && isCalm(peer));
  const isDoubtful = calm.length < pairs.length / 2;
  const taken = isDoubtful ? pairs : calm;
  const ofSide = (/** @type {"own" | "peer"} */ side) => taken.map((pair) => pair[side][figure]);
  return { spread: ratios(ofSide("own"), ofSide("peer")), pairs: taken.length, isDoubtful };
}

/**
 * @template {Pick<Turn, "case" | "contender">} Taken
 * @param {readonly Taken[]} turns
 * @param {readonly [which: string, contender: string]} key
 */
export function of(turns, [which, contender]) {
  return turns.filter((turn) => turn.case === which && turn.contender === contender);
}
