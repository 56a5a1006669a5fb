/** Whether this Holdfast could rule a home that another one rules now. Changes nothing there. */

import { explained } from "../../errors.ts";
import { ADOPTION_PROTOCOL } from "../../link/adoption.ts";
import { homeAt } from "../../system/home.ts";
import { rosterFault } from "../roster/before.ts";
import { stateFault } from "../state-file.ts";
import type { TrialTerms } from "./trial.ts";

export type { TrialAnswer, TrialTerms } from "./trial.ts";

/** Why it could not, half a sentence; null where it could. Never throws. */
export function unfitness({ directory, adoption }: TrialTerms): string | null {
  try {
    const home = homeAt(directory, {});
    if (adoption !== ADOPTION_PROTOCOL) {
      return `the workers speak protocol ${adoption}, and it knows ${ADOPTION_PROTOCOL}`;
    }
    const state = stateFault(home);
    if (state !== null) return `it cannot go on with the state: ${state}`;
    const roster = rosterFault(home.roster);
    return roster === null ? null : `it cannot read what runs: ${roster}`;
  } catch (error) {
    return explained(error).message;
  }
}
