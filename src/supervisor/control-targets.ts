/** What clients of the control socket mean by the words they send. */

import { select, type Target } from "../core/targets.ts";
import { HoldfastError } from "../errors.ts";
import type { Household } from "./household.ts";
import type { Supervisor } from "./supervisor.ts";

/** The apps that words mean. Throws HF_NO_SUCH_APP, and HF_WHOLE_APPS_ONLY where they mean slots. */
export function wholeApps(
  { registry, supervisor }: Pick<Household, "registry" | "supervisor">,
  targets: readonly string[],
): readonly string[] {
  const chosen = selected(supervisor, targets);
  const part = chosen.find(({ slots }) => slots !== "all");
  if (part) throw new HoldfastError("HF_WHOLE_APPS_ONLY", { app: part.app });
  return chosen.flatMap(({ app }) => (registry.has(app) ? [app] : []));
}

/** The apps and slots that words mean. Throws HF_NO_SUCH_APP. */
export function selected(supervisor: Supervisor, words: readonly string[]): readonly Target[] {
  const apps = supervisor.status().map(({ name, instances }) => ({
    name,
    instances,
    namespace: supervisor.configuration(name).options.namespace,
  }));
  const { targets: found, unknown } = select(words, apps);
  if (unknown.length > 0) {
    throw new HoldfastError("HF_NO_SUCH_APP", {
      app: unknown.join(", "),
      known: apps.map(({ name }) => name),
    });
  }
  return found;
}
