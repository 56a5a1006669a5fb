/** `holdfast startup` and `unstartup`: the supervisor comes up with the machine, or does so no more. */

import { resolve } from "node:path";
import { EXIT } from "../../errors.ts";
import { homeAt } from "../../system/home.ts";
import { readText } from "../../system/read.ts";
import { findSupervisor } from "../connect.ts";
import { talkOf } from "../outcomes.ts";
import { circumstances, install, uninstall } from "../startup/carry-out.ts";
import { shellWord } from "../startup/openrc-script.ts";
import { installPlan, nextCommand, removalPlan, serviceText } from "../startup/plan.ts";
import type { Service } from "../startup/service.ts";
import { isRoot, nameOf, platformOf, serviceOf, userOf } from "../startup/settings.ts";
import { LASTING, vanishing } from "../startup/vanishing.ts";

type Flags = Record<string, unknown>;

/**
 * Writes and enables the service; with --print only shows the file; without root's rights prints the
 * command that has them, with exit status 77. `words`: this command as it was typed.
 * Throws HF_NO_SERVICE_MANAGER, HF_CONFIG_INVALID, HF_ACCOUNT_UNKNOWN, HF_FILE_EXISTS, HF_SERVICE_FAILED.
 */
export async function startupCommand(
  flags: Flags,
  words: readonly string[] = process.argv.slice(2),
): Promise<number> {
  const platform = platformOf(flags);
  const service = serviceOf(flags);
  const text = serviceText(platform, service);
  const talk = talkOf(flags);
  for (const line of warnings(service)) talk.say(`warning: ${line}`);
  if (flags.print === true) {
    process.stdout.write(text);
    return EXIT.done;
  }
  const root = rootOf(flags);
  if (!isRoot() && root === null) return askForRoot(service, words);
  const around = circumstances(platform, root);
  const plan = installPlan(around, service.name, flags.now === true);
  if (root === null) await tellRunning(service, talk.say);
  const isNew = install(plan, text, flags.force === true);
  talk.data({ service: service.name, file: plan.file, changed: isNew });
  talk.say(`${plan.file}: ${isNew ? "written" : "was so already"}, enabled`);
  const next = flags.now === true ? null : nextCommand(around, service.name);
  if (next) talk.say(`next: ${next}`);
  return EXIT.done;
}

/**
 * Stops and removes the service; what ran stays written down in its home. The same exit statuses; 0 also
 * when there is none.
 */
export async function unstartupCommand(
  flags: Flags,
  words: readonly string[] = process.argv.slice(2),
): Promise<number> {
  const platform = platformOf(flags);
  const root = rootOf(flags);
  const talk = talkOf(flags);
  if (!isRoot() && root === null) return askForRoot(serviceOf(flags), words);
  const name = nameOf(flags, userOf(flags));
  const plan = removalPlan(circumstances(platform, root), name);
  const isGone = uninstall(plan, flags.force === true);
  talk.data({ service: name, file: plan.file, changed: isGone });
  talk.say(isGone ? `${plan.file}: stopped, disabled and removed` : `${plan.file}: there is none`);
  return EXIT.done;
}

function rootOf({ root }: Flags): string | null {
  return typeof root === "string" ? resolve(root) : null;
}

function warnings({ node, cli, home }: Service): readonly string[] {
  const paths = { "node is": node, "Holdfast is": cli, "the home is": home };
  return Object.entries(paths).flatMap(([what, path]) => {
    const reason = vanishing(path);
    return reason === null ? [] : [`${what} ${path}, which ${reason}: ${LASTING}`];
  });
}

/** Nothing is guessed from root's own environment: what this one means is put into the command. */
function askForRoot(service: Service, words: readonly string[]): number {
  const { node, cli, user, home } = service;
  const command = [
    ...["sudo", "env", `PATH=${process.env.PATH ?? service.path}`, process.execPath, cli, ...words],
    ...["--node", node, "--user", user, "--home", home],
  ];
  process.stderr.write("This needs the rights of root. Run:\n");
  process.stdout.write(`${command.map(shellWord).join(" ")}\n`);
  return EXIT.permission;
}

/** Two supervisors cannot own one home: the service waits until the other is gone. */
async function tellRunning({ home, name }: Service, say: (line: string) => void): Promise<void> {
  const client = await findSupervisor(homeAt(home, {})).catch(() => null);
  if (!client) return;
  const { pid } = client.supervisor;
  client.close();
  if (isService(pid, name)) return;
  say(
    `note: a supervisor (pid ${pid}) runs in ${home} already; the service takes over what it runs once it is gone: holdfast shutdown`,
  );
}

/** Its control group is named after the unit. */
function isService(pid: number, name: string): boolean {
  return (readText(`/proc/${pid}/cgroup`) ?? "").includes(`/${name}.service`);
}
