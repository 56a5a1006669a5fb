/** Whether what is there at rest is what should be there, no more and no less. Pure. */

import type { Look } from "./ledger.ts";

/** Descriptors a process may have more than at its first look: what Node and SQLite open when they first need it. */
const DESCRIPTORS_MORE = 4;
/** And more than the first one that had this role: others were adopted, inherited, or its own children. */
const DESCRIPTORS_MORE_THAN_FIRST = 16;

/** What is not as it should be in one look. */
export function lookFaults(look: Look): string[] {
  const { wanted, ready, listed, workers, claimed, supervisor, heirs, strangers } = look;
  const same = (a: readonly number[], b: readonly number[]): boolean =>
    [...a].sort().join() === [...b].sort().join();
  const faults = [
    ...look.unrest,
    ...(ready === wanted ? [] : [`${ready} of ${wanted} workers are ready`]),
    ...(same(listed, workers) ? [] : [`workers ${listed} are listed, and ${workers} are there`]),
    ...(workers.length === wanted ? [] : [`there are ${workers.length} workers, not ${wanted}`]),
    ...(claimed !== null && claimed === supervisor
      ? []
      : [`supervisor ${supervisor} answers, and the home is claimed by ${claimed}`]),
    ...(heirs.length === look.heirsWanted ? [] : [`there are ${heirs.length} heirs: ${heirs}`]),
    ...strangers.map((stranger) => `a process that is neither: ${stranger}`),
    ...socketFaults(look),
  ];
  return faults.map((fault) => `at rest after #${look.step}: ${fault}`);
}

/** One who listens at each path, and no more connections than there are workers to have them. */
function socketFaults({ sockets, workers }: Look): string[] {
  return sockets.flatMap(({ name, listening, connected }) => [
    ...(listening === 1 ? [] : [`${listening} sockets listen at ${name}`]),
    ...(connected <= workers.length ? [] : [`${connected} connections are open at ${name}`]),
  ]);
}

/** No process has more and more open, and none that comes later has more than those before. */
export function growthFaults(looks: readonly Look[]): string[] {
  // An heir that becomes the supervisor begins anew.
  const firstOf = new Map<string, Look["held"][number]>();
  const firstAs = new Map<string, Look["held"][number]>();
  return looks.flatMap(({ step, held }) =>
    held.flatMap((each) => {
      const own = firstOf.get(`${each.role} ${each.pid}`) ?? each;
      const role = firstAs.get(each.role) ?? each;
      firstOf.set(`${each.role} ${each.pid}`, own);
      firstAs.set(each.role, role);
      const grown = [
        { than: own, by: countOf(each) - countOf(own), most: DESCRIPTORS_MORE },
        { than: role, by: countOf(each) - countOf(role), most: DESCRIPTORS_MORE_THAN_FIRST },
      ].find(({ by, most }) => by > most);
      if (!grown) return [];
      const kinds = difference(each.kinds, grown.than.kinds);
      const than = grown.than.pid === each.pid ? "at first" : `the first one, ${grown.than.pid}`;
      return [
        `after #${step}: ${each.role} ${each.pid} has ${grown.by} more open than ${than}: ${kinds}`,
      ];
    }),
  );
}

function countOf({ kinds }: Look["held"][number]): number {
  return Object.values(kinds).reduce((sum, count) => sum + count, 0);
}

function difference(now: Readonly<Record<string, number>>, then: Readonly<Record<string, number>>) {
  return [...new Set([...Object.keys(now), ...Object.keys(then)])]
    .map((kind) => ({ kind, more: (now[kind] ?? 0) - (then[kind] ?? 0) }))
    .filter(({ more }) => more !== 0)
    .map(({ kind, more }) => `${more > 0 ? "+" : ""}${more} ${kind}`)
    .join(", ");
}
