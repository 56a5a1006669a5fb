/** The supervisor goes before its workers where the system lets it, and they stay as it was started. */

import { spawnSync } from "node:child_process";
import { getPriority } from "node:os";
import { afterEach, describe, expect, it } from "vitest";
import {
  fixture,
  freePort,
  type HoldfastRun,
  projectRoot,
  runHoldfast,
} from "../support/holdfast.ts";

const OWN = getPriority();
/** Tries as a process with all rights of this one, or without the one it takes. */
const FORGO = ["setpriv", "--bounding-set=-sys_nice", "--"];
const TRY = `
  import { spawnSync } from "node:child_process";
  import { getPriority } from "node:os";
  import { Priority } from "./dist/src/supervisor/priority.js";
  const own = getPriority();
  const priority = new Priority();
  const isRaised = priority.raise();
  const said = priority.asStarted(() => spawnSync(process.execPath, ["-p", "os.getPriority()"]));
  const now = getPriority() - own;
  const hurried = [];
  await priority.whileRaised(async () => hurried.push(getPriority() - own));
  hurried.push(getPriority() - own);
  console.log(JSON.stringify([isRaised, now, Number(said.stdout) - own, ...hurried]));
`;

function tried(before: readonly string[]): unknown {
  const [file = "", ...args] = [...before, process.execPath, "--input-type=module", "-e", TRY];
  const { stdout, stderr } = spawnSync(file, args, { cwd: projectRoot, encoding: "utf8" });
  if (stdout === "") throw new Error(stderr);
  return JSON.parse(stdout);
}

const RAISE = [process.execPath, "-e", "os.setPriority(os.getPriority() - 1)"];
const mayRaise = succeeds(RAISE);
/** As the service's LimitNICE=-5 says it: 20 less the nice value. */
const LIMIT = ["prlimit", "--nice=25:25"];
const mayLimit = succeeds([...LIMIT, "true"]);
const mayForgo = succeeds([...FORGO, "true"]);

function succeeds([file = "", ...args]: readonly string[]): boolean {
  return spawnSync(file, args).status === 0;
}

describe("the supervisor's priority", () => {
  let run: HoldfastRun | undefined;
  afterEach(() => run?.dispose());

  it("is higher than its workers', those of a reload, too", async (context) => {
    context.skip(!mayRaise, "needs to raise a priority: root or CAP_SYS_NICE");
    const env = { PORT: String(await freePort()) };
    run = runHoldfast(["run", fixture("puppet.mjs"), "-i", "2", "--min-uptime", "200ms"], { env });
    await run.waitForLog(({ msg }) => msg.startsWith("ready;"));
    run.signal("SIGHUP");
    await run.waitForLog(({ msg }) => msg === "reload done");
    const ready = run.logs.filter(({ msg }) => msg === "worker ready");
    const ofNewest = ready.slice(-2).map(({ pid }) => getPriority(Number(pid)));
    expect(ready).toHaveLength(4);
    expect(ofNewest).toEqual([OWN, OWN]);
    expect(getPriority(run.pid)).toBe(OWN - 5);
  });

  it("is raised, and nobody's whom it spawns", (context) => {
    context.skip(!mayRaise, "needs to raise a priority: root or CAP_SYS_NICE");
    expect(tried([])).toEqual([true, -5, 0, -5, 0]);
  });

  it("stays as it is where the system does not allow more", (context) => {
    context.skip(mayRaise && !mayForgo, "needs setpriv, to do without CAP_SYS_NICE");
    expect(tried(mayRaise ? FORGO : [])).toEqual([false, 0, 0, 0, 0]);
  });

  it("needs no more than the limit that the service has", (context) => {
    context.skip(!mayLimit, "needs prlimit and CAP_SYS_RESOURCE, to set RLIMIT_NICE");
    context.skip(!mayForgo, "needs setpriv, to do without CAP_SYS_NICE");
    expect(tried([...LIMIT, ...FORGO])).toEqual([true, -5, 0, -5, 0]);
  });
});
