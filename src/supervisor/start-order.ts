/** Starts apps so that each comes after those it depends on are ready. */

/**
 * Calls `start` for every name once, with the first of its dependencies that failed, or null. Names it depends
 * on that are not among `names` are not waited for. Circles cannot be: the configuration refuses them.
 */
export function startInOrder<Outcome>(
  names: readonly string[],
  dependenciesOf: (name: string) => readonly string[],
  start: (name: string, failed: string | null) => Promise<Outcome>,
  hasFailed: (outcome: Outcome) => boolean,
): Promise<readonly Outcome[]> {
  const begun = new Map<string, Promise<Outcome>>();
  const begin = (name: string): Promise<Outcome> => {
    const known = begun.get(name);
    if (known) return known;
    const wanted = dependenciesOf(name).filter((other) => names.includes(other) && other !== name);
    // Known before it begins, so that nothing begins twice.
    const outcome = Promise.resolve().then(async () => {
      const before = await Promise.all(wanted.map(begin));
      const failed = wanted.find((_, index) => hasFailed(before[index] as Outcome)) ?? null;
      return start(name, failed);
    });
    begun.set(name, outcome);
    return outcome;
  };
  return Promise.all(names.map(begin));
}
