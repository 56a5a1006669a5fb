/** An app that runs and should not: it was removed when its supervisor was killed. */

import type { AppOptions } from "../../config/app.ts";
import { parseConfig } from "../../config/parse.ts";
import { HoldfastError } from "../../errors.ts";
import type { AppRecord } from "../roster/records.ts";

/** What it takes to end it: nobody knows its options any more, and all of them have defaults. */
export function optionsOfLeft({ name, launches }: AppRecord): AppOptions {
  const parsed = parseConfig({ name, script: launches[0]?.[1].script ?? name });
  if (!parsed.ok) throw new HoldfastError("HF_CONFIG_INVALID", { faults: parsed.faults });
  const [options] = parsed.value;
  if (!options) throw new HoldfastError("HF_NO_SUCH_APP", { app: name, known: [] });
  return options;
}
