import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fixture, projectRoot } from "../support/holdfast.ts";
import { House } from "../support/house.ts";
import { until } from "../support/until.ts";

const TALKS = fixture("talks.mjs");

async function talking(house: House, name = "talks"): Promise<string> {
  await house.ok(["start", TALKS, "-n", name, "-i", "2", "--min-uptime", "100ms"]);
  const { apps } = await house.overview();
  return `http://${apps.find((app) => app.name === name)?.addresses[0]}`;
}

function sorted(text: string): readonly string[] {
  return text.trim().split("\n").sort();
}

describe("logs", () => {
  it("shows what every slot wrote, chosen by slot, stream, text, level and time", async () => {
    await using house = new House();
    await talking(house);
    const logs = async (...flags: string[]) => sorted((await house.ok(["logs", ...flags])).stdout);
    const all = await logs("-n", "all", "--raw");
    expect(all).toHaveLength(8);
    expect(await logs("talks:1", "-n", "all", "--raw", "--err")).toEqual(["plain 1 err"]);
    expect(await logs("--grep", "/PLAIN \\d out/i")).toEqual([
      "talks:0 | plain 0 out",
      "talks:1 | plain 1 out",
    ]);
    expect(await logs("--level", "error", "--no-prefix")).toEqual([
      expect.stringContaining("all is lost"),
      expect.stringContaining("all is lost"),
    ]);
    const json = await logs("--json", "--grep", "all is well");
    expect(json.map((line) => JSON.parse(line))).toMatchObject([
      { app: "talks", slot: 0, stream: "out", record: { msg: "all is well" } },
      { app: "talks", slot: 1, stream: "out", record: { msg: "all is well" } },
    ]);
    const until = await logs(
      "-n",
      "all",
      "--until",
      "2026-01-01T12:00:00.500Z",
      "--grep",
      "is lost",
    );
    expect(until).toHaveLength(1);
    expect((await house.run(["logs", "--since", "noon"])).status).toBe(78);
    expect((await house.run(["logs", "--grep", "/(/"])).status).toBe(78);
    expect((await house.run(["logs", "nobody"])).status).toBe(4);
  });

  it("pretty-prints pino's lines and leaves others as they are", async () => {
    await using house = new House();
    await talking(house);
    const { stdout } = await house.ok(["logs", "talks:0", "-n", "all"]);
    expect(stdout).toContain("talks:0 | plain 0 out\n");
    expect(stdout).toMatch(/talks:0 \| 12:00:00 info {2}all is well/);
  });

  it("follows: new lines, slots and apps that come later, and ends with its reader", async () => {
    await using house = new House();
    const first = await talking(house);
    const cli = join(projectRoot, "dist/bin/holdfast.cjs");
    const child = spawn(process.execPath, [cli, "logs", "-f", "-n", "0"], { env: house.env });
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (chunk) => (text += chunk));
    const seen = (line: string) => until(() => text.includes(line), { what: line });
    await until(
      async () => {
        await fetch(`${first}/?out=are-you-there`);
        return text.includes("are-you-there");
      },
      { what: "the first line" },
    );
    await fetch(`${first}/?out=one&err=two`);
    await seen("| one\n");
    await seen("| two\n");
    const second = await talking(house, "later");
    await fetch(`${second}/?out=three`);
    await seen("| three\n");
    child.stdout.destroy();
    const ended = new Promise((resolve) => child.once("exit", resolve));
    await until(
      async () => {
        await fetch(`${first}/?out=into-nothing`);
        return child.exitCode !== null;
      },
      { what: "its end" },
    );
    expect(await ended).toBe(0);
  });

  it("are emptied by flush, and written on", async () => {
    await using house = new House();
    const address = await talking(house);
    const { stderr } = await house.ok(["flush", "talks"]);
    expect(stderr).toContain("4 files emptied");
    expect((await house.ok(["logs", "-n", "all"])).stdout).toBe("");
    await fetch(`${address}/?out=after`);
    const out = () =>
      [0, 1].map((slot) => readFileSync(join(house.home, `logs/talks/${slot}-out.log`), "utf8"));
    await until(() => out().join("") === "after\n", { what: "the new line alone" });
  });
});
