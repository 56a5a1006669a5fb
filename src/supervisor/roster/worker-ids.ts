/** Ids of workers: none is given twice, not even by the supervisors that follow one another. */

/**
 * Worker ids of different apps must differ: they are `cluster.worker.id` and name processes in logs. Each app has so
 * many of its own.
 */
export const IDS_PER_APP = 1_000_000;

/** The first id of the range after the one that `nextWorkerId` is in: nobody can have been given it. */
export function rangeAfter(nextWorkerId: number): number {
  return Math.ceil(nextWorkerId / IDS_PER_APP) * IDS_PER_APP + 1;
}
