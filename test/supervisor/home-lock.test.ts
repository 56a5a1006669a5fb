/** The claim to a home, taken over from the dead by several at once: in whatever order their steps come. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ownerOf } from "../../src/supervisor/home-lock.ts";
import { type Home, homeAt } from "../../src/system/home.ts";

const DEAD = JSON.stringify({ pid: 2 ** 22 - 1, startTicks: 1 });
const dist = (path: string): string => new URL(`../../dist/src/${path}`, import.meta.url).href;

let home: Home;
beforeEach(() => {
  home = homeAt(mkdtempSync(join(tmpdir(), "hf-lock-")), {});
});
afterEach(() => rmSync(home.directory, { recursive: true, force: true }));

/** Says which file it is about to touch, and does so when it is told to. */
const CONTENDER = `
  import fs from "node:fs";
  import { syncBuiltinESMExports } from "node:module";
  const [home] = process.argv.slice(1);
  for (const name of ["readFileSync", "linkSync", "renameSync", "unlinkSync"]) {
    const original = fs[name];
    fs[name] = (...args) => {
      const touched = args.filter((arg) => String(arg).startsWith(home) && !String(arg).endsWith(".tmp"));
      if (touched.length > 0) {
        fs.writeSync(1, name + " " + touched.join(" ") + "\\n");
        fs.readSync(0, Buffer.alloc(1));
      }
      return original(...args);
    };
  }
  syncBuiltinESMExports();
  const { claimHome } = await import(${JSON.stringify(dist("supervisor/home-lock.js"))});
  const { homeAt } = await import(${JSON.stringify(dist("system/home.js"))});
  let end = "won";
  try { claimHome(homeAt(home, {})); } catch (error) { end = error.code ?? String(error); }
  fs.writeSync(1, "end " + end + "\\n");
  process.stdin.resume();
`;

class Contender implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: Interface;
  readonly #said: AsyncIterator<string>;
  /** What it is about to do, or how it ended. */
  next = "";

  private constructor(child: ChildProcess) {
    this.#child = child;
    if (!child.stdout) throw new Error("no output");
    this.#lines = createInterface(child.stdout);
    this.#said = this.#lines[Symbol.asyncIterator]();
  }

  static async enter({ directory }: Home): Promise<Contender> {
    const args = ["--input-type=module", "-e", CONTENDER, directory];
    const contender = new Contender(
      spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] }),
    );
    await contender.#hear();
    return contender;
  }

  get hasEnded(): boolean {
    return this.next.startsWith("end ");
  }

  /** One step; nothing when it has ended. */
  async step(): Promise<void> {
    if (this.hasEnded) return;
    this.#child.stdin?.write(".");
    await this.#hear();
  }

  async toItsEnd(): Promise<string> {
    while (!this.hasEnded) await this.step();
    return this.next.slice("end ".length);
  }

  /** Dies where it stands. */
  async [Symbol.asyncDispose](): Promise<void> {
    const gone = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGKILL");
    await gone;
    this.#lines.close();
  }

  async #hear(): Promise<void> {
    const { value, done } = await this.#said.next();
    if (done) throw new Error("a contender ended without a word");
    this.next = value;
  }
}

async function until(contender: Contender, pattern: RegExp): Promise<void> {
  while (!pattern.test(contender.next) && !contender.hasEnded) await contender.step();
}

describe("a stale claim", () => {
  it("is not mistaken for the new one by who was slow to remove it", async () => {
    writeFileSync(home.pidFile, DEAD);
    await using slow = await Contender.enter(home);
    await until(slow, /(rename|unlink)Sync .*supervisor\.pid( |$)/);
    expect(slow.hasEnded).toBe(false);
    await using second = await Contender.enter(home);
    const said = [await second.toItsEnd()];
    await slow.step();
    await using third = await Contender.enter(home);
    said.push(await third.toItsEnd(), await slow.toItsEnd());
    expect(said.filter((each) => each === "won")).toHaveLength(1);
    expect(said.filter((each) => each === "HF_ALREADY_RUNNING")).toHaveLength(2);
    expect(ownerOf(home)).not.toBeNull();
  });

  it("is taken over also from those who died while they took it over", async () => {
    writeFileSync(home.pidFile, DEAD);
    for (const place of [/unlinkSync .*supervisor\.pid$/, /unlinkSync .*stale/]) {
      await using dying = await Contender.enter(home);
      await until(dying, place);
      expect(dying.hasEnded).toBe(false);
    }
    await using heir = await Contender.enter(home);
    expect(await heir.toItsEnd()).toBe("won");
    expect(readdirSync(home.directory)).toContain("supervisor.pid");
  });

  it("is taken over by one of three, whatever the order of their steps", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 10, maxLength: 30 }),
        async (order) => {
          rmSync(home.directory, { recursive: true });
          home = homeAt(mkdtempSync(join(tmpdir(), "hf-lock-")), {});
          writeFileSync(home.pidFile, DEAD);
          await using first = await Contender.enter(home);
          await using second = await Contender.enter(home);
          await using third = await Contender.enter(home);
          const all = [first, second, third];
          for (const turn of order) await all[turn]?.step();
          const ends = await Promise.all(all.map((each) => each.toItsEnd()));
          expect(ends.sort()).toEqual(["HF_ALREADY_RUNNING", "HF_ALREADY_RUNNING", "won"]);
          expect(ownerOf(home)).not.toBeNull();
        },
      ),
      { numRuns: 12 },
    );
  });
});
