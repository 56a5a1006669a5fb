/** The chat example, as `npm start` runs it: what it prints, what its page shows, through a reload. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, it, vi } from "vitest";
import type { ChatOptions } from "./chatters.ts";
import { openPage, type Page } from "./page.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const running: { child: ChildProcess; pages: Page[]; folder: string }[] = [];

afterEach(async () => {
  for (const { child, pages, folder } of running.splice(0)) {
    for (const page of pages) page.close();
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
    }
    rmSync(folder, { recursive: true, force: true });
  }
});

async function startChat(...command: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), "hf-chat-"));
  const env: NodeJS.ProcessEnv = { ...process.env, PORT: "0", ROOMS_FOLDER: folder };
  delete env.HOST;
  const child = spawn(process.execPath, command, {
    cwd: root,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const pages: Page[] = [];
  running.push({ child, pages, folder });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const url = await vi.waitFor(
    () => {
      const found = /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0];
      if (found === undefined) throw new Error(`no address was printed:\n${output}`);
      return found;
    },
    { timeout: 20_000, interval: 50 },
  );
  const open = async (path: string, name: string): Promise<Page> => {
    const page = await openPage(url + path, name);
    pages.push(page);
    return page;
  };
  return { child, url, open, output: () => output };
}

const soon = { timeout: 20_000, interval: 20 };

it("runs without Holdfast: joins, messages, leaves, one room apart from the other", async () => {
  const { url, open } = await startChat("examples/chat-ws/server.mjs");
  const response = await fetch(`${url}/?from=mail`);
  expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(await response.text()).not.toMatch(/(?:src|href)\s*=\s*["']?https?:/);
  expect((await fetch(`${url}//`)).status).toBe(404);

  const ada = await open("/#tea", "Ada");
  await vi.waitFor(() => expect(ada.shown("worker")).toMatch(/^plain node · pid \d+$/), soon);
  await vi.waitFor(() => expect(ada.shown("people")).toBe("only you here"), soon);
  const bob = await open("/#tea", "Bob");
  const eve = await open("/#coffee", "Eve");
  await vi.waitFor(() => expect(ada.lines()).toContain("Bob joined"), soon);
  await vi.waitFor(() => expect(eve.shown("people")).toBe("only you here"), soon);
  bob.say("<b>hello</b>");
  await vi.waitFor(() => expect(ada.lines().at(-1)).toMatch(/Bob · .* <b>hello<\/b>$/), soon);
  expect(ada.shown("people")).toBe("2 people here");
  const late = await open("/#tea", "Late");
  await vi.waitFor(() => expect(late.lines().join()).toMatch(/Bob · .* <b>hello<\/b>/), soon);
  bob.close();
  await vi.waitFor(() => expect(ada.lines().at(-1)).toBe("Bob left"), soon);
  expect(eve.lines().filter((line) => /Ada|Bob|Late/.test(line))).toEqual([]);
});

it("tells what to try, and its page survives a reload and the death of its worker", async () => {
  const { child, open, output } = await startChat("scripts/examples.mjs", "chat-ws", "--no-build");
  expect(output()).toMatch(/kill -HUP \d+ /);
  expect(output()).toMatch(/kill -9 \d+ /);

  const page = await open("/", "Ada");
  await vi.waitFor(() => expect(page.shown("worker")).toMatch(/^slot \d+ · pid \d+$/), soon);
  const supervisor = Number(/^kill -HUP (\d+)$/.exec(page.shown("reload"))?.[1]);
  expect(output()).toContain(`kill -HUP ${supervisor} `);
  const first = page.shown("murder");

  process.kill(supervisor, "SIGHUP");
  const replaced = /^worker was replaced, reconnected to slot \d+ in \d+ ms$/;
  await vi.waitFor(
    () => expect(page.lines().filter((line) => replaced.test(line))).not.toEqual([]),
    soon,
  );
  expect(page.shown("murder")).not.toBe(first);
  // The other slots may still be on their way; what is said meanwhile is said once.
  page.say("still here");
  await vi.waitFor(() => expect(page.waiting()).toBe(0), soon);
  // Its worker would be replaced otherwise, and not lost.
  await vi.waitFor(() => expect(output()).toMatch(/"app":"chat".*"reload done"/), soon);
  await vi.waitFor(() => {
    const victim = Number(page.shown("murder").split(" ").at(-1));
    expect(victim).toBeGreaterThan(1);
    process.kill(victim, "SIGKILL");
  }, soon);
  page.say("and here");
  const lost = /^connection was lost, reconnected to slot \d+ in \d+ ms$/;
  await vi.waitFor(
    () => expect(page.lines().filter((line) => lost.test(line))).not.toEqual([]),
    soon,
  );
  await vi.waitFor(() => expect(page.waiting()).toBe(0), soon);
  expect([heard(page, "still here"), heard(page, "and here")]).toEqual([1, 1]);

  const ended = once(child, "exit");
  child.kill("SIGTERM");
  expect(await ended).toEqual([0, null]);
});

it("shows each message from the moment it is said, once, whatever comes first", async () => {
  let on: ChatOptions["on"] | undefined;
  let said = 0;
  const page = await openPage("http://127.0.0.1/", "Ada", (options) => {
    on = options.on;
    return { say: () => `ada-${++said}`, close: () => {} };
  });
  const message = (seq: number, id: string, text: string, missed = 0) =>
    on?.message({ id, from: "Ada", text, missed, ...{ seq, at: 0, isMine: true } });
  const texts = () => page.lines().map((line) => line.split(" ").at(-1));
  for (const text of ["one", "two", "three", "four"]) page.say(text);
  expect(texts()).toEqual(["one", "two", "three", "four"]);

  // Accepted before it comes back, and after it.
  on?.settled("ada-1", 7);
  expect(texts()).toEqual(["one", "two", "three", "four"]);
  message(7, "ada-1", "one");
  message(8, "ada-2", "two");
  on?.settled("ada-2", 8);
  expect(texts()).toEqual(["one", "two", "three", "four"]);
  on?.settled("ada-3", null);
  expect(texts()).toEqual(["one", "two", "four"]);
  // It is not kept any more when this window is back.
  on?.settled("ada-4", 9);
  message(12, "bob-1", "five", 3);
  expect(texts()).toEqual(["one", "two", "more", "five"]);
});

/** How many lines end so: one from the moment it is said. */
function heard(page: Page, text: string): number {
  return page.lines().filter((line) => line.endsWith(` ${text}`)).length;
}
