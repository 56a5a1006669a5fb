/** `holdfast doctor`: what about this machine, the home and the supervisor is not as it should be. */

import { EXIT } from "../../errors.ts";
import { homeOf } from "../connect.ts";
import { gather } from "../doctor/gather.ts";
import { judge } from "../doctor/judge.ts";
import { renderChecks } from "../doctor/render.ts";
import { talkOf } from "../outcomes.ts";
import { wantsColour } from "../render/colour.ts";

/** Exit status 1 where a check fails; warnings are none. Changes nothing. */
export async function doctorCommand(flags: Record<string, unknown>): Promise<number> {
  const checks = judge(await gather({ home: homeOf(flags), env: process.env }));
  const isWell = checks.every(({ status }) => status !== "fail");
  if (flags.output === "json" || flags.json === true) talkOf(flags).data({ ok: isWell, checks });
  else {
    const colour = wantsColour(flags, process.env, process.stdout);
    process.stdout.write(renderChecks(checks, colour));
  }
  return isWell ? EXIT.done : EXIT.failed;
}
