/** The answers of all supervisors that were asked, as one. */

import type { Gathered } from "./api.ts";
import { NOBODY } from "./delivery.ts";

/**
 * One whose connection is lost under way, with all that it had heard, is an error from nobody in particular. Throws
 * where all are.
 */
export function merged<Answer>(
  all: readonly PromiseSettledResult<Gathered<Answer>>[],
): Gathered<Answer> {
  const gathered = all.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
  const failed = all.flatMap((each) => (each.status === "rejected" ? [each.reason] : []));
  if (gathered.length === 0) throw failed[0];
  const lost = failed.map((error) => ({ from: NOBODY, error }));
  return {
    results: gathered.flatMap(({ results }) => results),
    errors: [...gathered.flatMap(({ errors }) => errors), ...lost],
    missing: gathered.flatMap(({ missing }) => missing),
  };
}
