/**
 * P2: a reload that cannot become ready changes nothing: the old workers keep serving, the command
 * fails and shows why, with the new worker's last output.
 */

import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { freePort, type HoldfastRun } from "../support/holdfast.ts";
import { expectClean } from "../support/ledger.ts";
import { startFreshLoad, startKeepAliveLoad } from "../support/load.ts";
import { isAlive } from "../support/processes.ts";
import { until } from "../support/until.ts";
import { reload, stage, started, stop, workers } from "./stage.ts";

const folder = mkdtempSync(join(tmpdir(), "hf-p02-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What the log says of the last failed reload. */
function failure(run: HoldfastRun): string {
  return run.logs.findLast((log) => log.code === "HF_RELOAD_FAILED")?.msg ?? "";
}

describe("P2: a failed reload changes nothing", () => {
  const faults = [
    { fault: { PUPPET_FAIL: "throw" }, cause: /uncaught Error/, output: /\| .*Error: / },
    { fault: { PUPPET_FAIL: "reject" }, cause: /uncaught/, output: /\| / },
    {
      fault: { PUPPET_FAIL: "exit0" },
      cause: /exited with code 0 before it was ready/,
      output: /\| /,
    },
    {
      fault: { PUPPET_FAIL: "exit1" },
      cause: /exited with code 1 before it was ready/,
      output: /\| /,
    },
    {
      fault: { PUPPET_FAIL: "never-listen" },
      cause: /within 2000 ms: it never listened/,
      output: /told never to listen/,
    },
    {
      fault: { PUPPET_FAIL: "listen-then-die", PUPPET_DIE_MS: 100 },
      cause: /code 1 right after it was ready/,
      output: /told to die after listening/,
    },
  ];

  it("whatever is wrong with the new code, and a good reload afterwards succeeds", async () => {
    const { run, port, direct } = await stage("puppet.mjs", { flags: ["--ready-timeout", "2s"] });
    const before = workers(run);
    const loads = [
      startFreshLoad({ port, clients: 4 }),
      startKeepAliveLoad({ port, clients: 8, thinkMs: 30 }),
    ];
    let nth = 0;
    for (const { fault, cause, output } of faults) {
      direct(fault);
      nth += 1;
      expect(await reload(run, nth), JSON.stringify(fault)).toBe("failed");
      expect(failure(run)).toMatch(cause);
      expect(failure(run)).toMatch(output);
      expect(failure(run)).toMatch(/Nothing has changed: the previous workers serve/);
      for (const pid of before.values()) expect(isAlive(pid)).toBe(true);
    }
    direct({ PUPPET_VERSION: "fixed" });
    expect(await reload(run, nth + 1)).toBe("done");
    for (const load of loads) expectClean(await load.stop(), { minOk: 100 });
    const answer = (await (await fetch(`http://127.0.0.1:${port}/`)).json()) as { version: string };
    expect(answer.version).toBe("fixed");
    await stop(run);
  }, 90_000);

  it("when the probe of the new worker fails", async () => {
    const { run, port, direct } = await stage("puppet.mjs", {
      flags: ["--ready", "http:/health", "--ready-timeout", "2s"],
    });
    const load = startKeepAliveLoad({ port, clients: 4, thinkMs: 10 });
    direct({ PUPPET_HEALTH: 500, PUPPET_VERSION: "ill" });
    expect(await reload(run, 1)).toBe("failed");
    expect(failure(run)).toMatch(/\/health answered 500/);
    direct({ PUPPET_VERSION: "well" });
    expect(await reload(run, 2)).toBe("done");
    expectClean(await load.stop(), { minOk: 50 });
    await stop(run);
  }, 60_000);

  it.each(["go back to the previous release", "stay where there is none"])(
    "and slots that had been replaced %s",
    async (outcome) => {
      const inPlace = outcome === "stay where there is none";
      const { run, port, releases } = await release(inPlace);
      const heard = new Set<string>();
      const load = startKeepAliveLoad({
        port,
        clients: 8,
        thinkMs: 10,
        expectBody: (body) => {
          heard.add(body);
          return body.startsWith("release ");
        },
      });
      // Slot 0 starts with the new code, slot 1 does not.
      releases.deploy(
        2,
        "if (process.env.HOLDFAST_SLOT === '1') throw new Error('slot 1 dislikes release 2');",
      );
      expect(await reload(run, 1)).toBe("failed");
      expect(failure(run)).toMatch(/slot 1 dislikes release 2/);
      expect(failure(run)).toMatch(inPlace ? /keep the new code/ : /back on the previous release/);
      if (inPlace) {
        heard.clear();
        // Who has more than its share of the connections leaves new ones to the other: its clients hear it then.
        const all = async (): Promise<Set<string>> => new Set([...(await answers(port)), ...heard]);
        const both = async (): Promise<boolean> => (await all()).size > 1;
        await until(both, { what: "both releases to answer" });
        expect([...(await all())].sort()).toEqual(["release 1", "release 2"]);
      } else expect([...(await answers(port))]).toEqual(["release 1"]);
      releases.deploy(3, "");
      expect(await reload(run, 2)).toBe("done");
      expect([...(await answers(port))]).toEqual(["release 3"]);
      expectClean(await load.stop(), { minOk: 50 });
      await stop(run);
    },
    90_000,
  );

  it("with a worker crashing, another reload and a stop in the middle: each has its outcome", async () => {
    const { run, port } = await stage("puppet.mjs", { instances: 3 });
    const load = startFreshLoad({ port, clients: 4 });
    run.signal("SIGHUP");
    await run.waitForLog((log) => log.msg === "reload started");
    run.signal("SIGHUP");
    await run.waitForLog((log) => log.msg.startsWith("reload: 1 of 3"));
    run.signal("SIGHUP");
    process.kill(workers(run).get(2) ?? -1, "SIGKILL");
    await run.waitForLog((log) => log.msg === "reload done" && log.generation === 3, {
      timeoutMs: 30_000,
    });
    // Two requests during a reload are one more reload.
    expect(run.logs.filter((log) => log.msg === "reload started")).toHaveLength(2);
    run.signal("SIGHUP");
    await run.waitForLog((log) => log.msg === "reload started" && log.generation === 4);
    // What was in flight in the killed worker is the only loss.
    expectClean(await load.stop(), { minOk: 50, allow: { reset: 4, truncated: 4 } });
    await stop(run);
    expect(run.logs.some((log) => log.msg === "reload done" && log.generation === 4)).toBe(false);
  }, 60_000);
});

interface Releases {
  deploy(version: number, extra: string): void;
}

/** An app in releases/N behind a `current` link, or in one folder whose files are overwritten. */
async function release(
  inPlace: boolean,
): Promise<{ run: HoldfastRun; port: number; releases: Releases }> {
  const root = mkdtempSync(join(folder, "app-"));
  const current = join(root, "current");
  const write = (directory: string, version: number, extra: string): void => {
    mkdirSync(directory, { recursive: true });
    const server = `import http from "node:http";
${extra}
http.createServer((_, res) => res.end("release ${version}")).listen(process.env.PORT, "127.0.0.1");`;
    writeFileSync(join(directory, "server.mjs"), server);
  };
  const deploy = (version: number, extra: string): void => {
    if (inPlace) return write(current, version, extra);
    const directory = join(root, "releases", String(version));
    write(directory, version, extra);

    rmSync(current, { force: true });
    symlinkSync(directory, current);
  };
  deploy(1, "");
  const port = await freePort();
  const args = [
    "run",
    "server.mjs",
    "--cwd",
    current,
    "--name",
    "app",
    "-i",
    "2",
    "--min-uptime",
    "300ms",
  ];
  const run = started(args, { env: { PORT: String(port) } });
  await run.waitForLog((log) => log.msg.startsWith("ready;"));
  return { run, port, releases: { deploy } };
}

/** The different answers of many fresh connections. */
async function answers(port: number): Promise<Set<string>> {
  const found = new Set<string>();
  for (let n = 0; n < 60; n++) {
    const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: "close" } });
    found.add(await response.text());
  }
  return found;
}
