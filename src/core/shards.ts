/** Which worker accepts from which listening socket. Pure. */

/** Acceptors by shard: worker ids. */
export type Seats = readonly (readonly number[])[];

/** Workers that share a shard: when one of them dies or stalls, the other takes what comes by itself. */
const ACCEPTORS_PER_SHARD = 2;

/**
 * Seats workers at shards. Every shard has two acceptors whenever there are two workers and one
 * whenever there is one; no worker has more than one shard more than another; a seat moves only to
 * keep these two. A single shard (no SO_REUSEPORT) is accepted from by all.
 */
export function assign(shards: number, workers: readonly number[], previous: Seats): Seats {
  if (shards === 1) return [workers];
  const seats = Array.from({ length: shards }, (_, shard) =>
    (previous[shard] ?? []).filter((worker) => workers.includes(worker)),
  );
  fill(seats, workers);
  balance(seats, workers);
  return seats;
}

function fill(seats: number[][], workers: readonly number[]): void {
  const wanted = Math.min(ACCEPTORS_PER_SHARD, workers.length);
  for (const seated of seats) {
    while (seated.length > wanted) seated.splice(seated.indexOf(busiest(seated, seats)), 1);
    while (seated.length < wanted) {
      seated.push(
        idlest(
          workers.filter((worker) => !seated.includes(worker)),
          seats,
        ),
      );
    }
  }
}

/** Moves one seat at a time from a busiest to an idlest worker; each move lowers the sum of squares. */
function balance(seats: number[][], workers: readonly number[]): void {
  for (;;) {
    const from = busiest(workers, seats);
    const to = idlest(workers, seats);
    if (load(from, seats) - load(to, seats) <= 1) return;
    const seated = seats
      .filter((shard) => shard.includes(from) && !shard.includes(to))
      .sort((a, b) => overlap(a, to, seats) - overlap(b, to, seats))[0];
    if (!seated) return;
    seated[seated.indexOf(from)] = to;
  }
}

/** Shards that the worker shares with those seated here already: the fewer, the further a loss is spread. */
function overlap(seated: readonly number[], worker: number, seats: Seats): number {
  return seats.filter(
    (shard) => shard.includes(worker) && shard.some((other) => seated.includes(other)),
  ).length;
}

function load(worker: number, seats: Seats): number {
  return seats.filter((seated) => seated.includes(worker)).length;
}

function busiest(among: readonly number[], seats: Seats): number {
  return among.reduce(
    (most, worker) => (load(worker, seats) > load(most, seats) ? worker : most),
    among[0] ?? 0,
  );
}

function idlest(among: readonly number[], seats: Seats): number {
  return among.reduce(
    (least, worker) => (load(worker, seats) < load(least, seats) ? worker : least),
    among[0] ?? 0,
  );
}
