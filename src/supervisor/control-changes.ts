/** The verbs that change what should run. It is written down at once and again at the end; see operations.ts. */

import type { AppOptions } from "../config/app.ts";
import { instancesKind } from "../config/instances.ts";
import { parseConfig } from "../config/parse.ts";
import { explained, HoldfastError } from "../errors.ts";
import type { Outcome, Outcomes, Unsaved, Verbs } from "../link/control.ts";
import { applyApps } from "./apply.ts";
import { told } from "./control-events.ts";
import type { Request } from "./control-server.ts";
import { applyIn, instancesIn, targetsIn, textIn } from "./control-takes.ts";
import { selected, wholeApps } from "./control-targets.ts";
import type { Household } from "./household.ts";
import type { Registry } from "./registry.ts";

export async function apply(
  household: Household,
  takes: Partial<Verbs["apply"]["takes"]>,
  request: Request,
): Promise<Verbs["apply"]["gives"]> {
  const asked = applyIn(takes);
  const wanted = optionsIn(asked.apps.map(({ options }) => options));
  const names = wanted.map(({ name }) => name);
  return told(household.supervisor, names, request, () =>
    recorded(household.registry, () => applyApps(household, wanted, asked)),
  );
}

/** Read again here: the client may be of another version. */
function optionsIn(inputs: readonly unknown[]): readonly AppOptions[] {
  const parsed = parseConfig({ apps: inputs });
  if (!parsed.ok) throw new HoldfastError("HF_CONFIG_INVALID", { faults: parsed.faults });
  return parsed.value;
}

/** Does something to whole apps. */
export async function changing(
  household: Household,
  takes: unknown,
  request: Request,
  act: (names: readonly string[]) => Promise<readonly Outcome[]>,
): Promise<Outcomes> {
  const names = wholeApps(household, targetsIn(takes));
  return told(household.supervisor, names, request, () =>
    recorded(household.registry, async () => ({ outcomes: await act(names) })),
  );
}

export async function restart(
  household: Household,
  takes: unknown,
  request: Request,
): Promise<Outcomes> {
  const chosen = selected(household.supervisor, targetsIn(takes));
  const slots = new Map(chosen.map((target) => [target.app, target.slots]));
  return told(household.supervisor, [...slots.keys()], request, () =>
    recorded(household.registry, async () => ({
      outcomes: await household.operations.restart(slots),
    })),
  );
}

export async function scale(
  household: Household,
  takes: unknown,
  request: Request,
): Promise<Outcomes> {
  const names = wholeApps(household, [textIn(takes, "app")]);
  const said = instancesIn(takes);
  const scaleOne = (name: string): Promise<readonly Outcome[]> => {
    const now = household.supervisor.statusOf(name).instances;
    return household.operations.scale(name, instancesFrom(said, now));
  };
  return told(household.supervisor, names, request, () =>
    recorded(household.registry, async () => ({
      outcomes: (await Promise.all(names.map(scaleOne))).flat(),
    })),
  );
}

/** "4", "max", "50%" and "2..8" as in the options; "+1" and "-1" count from what there is. */
function instancesFrom(said: string, now: number): AppOptions["instances"] {
  const isRelative = /^[+-]\d+$/.test(said);
  const wanted = isRelative ? now + Number(said) : said;
  if (isRelative && Number(wanted) < 1) {
    const message = `received "${said}", but there are ${now}, and at least 1 must be left; to end all of them stop the app`;
    throw new HoldfastError("HF_CONFIG_INVALID", { faults: [{ path: "instances", message }] });
  }
  const reading = instancesKind.read(wanted);
  if (reading.ok) return reading.value;
  const faults = reading.faults.map(({ message }) => ({ path: "instances", message }));
  throw new HoldfastError("HF_CONFIG_INVALID", { faults });
}

/** What was done is told also where it could not be written down, beside the reason. */
export async function recorded<T extends object>(
  registry: Registry,
  act: () => Promise<T>,
): Promise<T & Unsaved> {
  const done = await act();
  const unsaved = registry.note();
  return unsaved === null ? done : { ...done, unsaved: explained(unsaved) };
}
