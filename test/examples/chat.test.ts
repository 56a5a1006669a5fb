/** The chat example, as `npm start` runs it: what it prints, what its page shows, through a reload. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterEach, expect, it, vi } from "vitest";
import { openPage, type Page } from "./page.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const running: { child: ChildProcess; pages: Page[] }[] = [];

afterEach(async () => {
  for (const { child, pages } of running.splice(0)) {
    for (const page of pages) page.close();
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    }
  }
});

async function startChat(...command: readonly string[]) {
  const env: NodeJS.ProcessEnv = { ...process.env, PORT: "0" };
  delete env.HOST;
  const child = spawn(process.execPath, command, {
    cwd: root,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const pages: Page[] = [];
  running.push({ child, pages });
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
  const open = (path: string, name: string): Page => {
    const page = openPage(url + path, name);
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

  const ada = open("/#tea", "Ada");
  await vi.waitFor(() => expect(ada.shown("worker")).toMatch(/^plain node · pid \d+$/), soon);
  const bob = open("/#tea", "Bob");
  const eve = open("/#coffee", "Eve");
  await vi.waitFor(() => expect(ada.lines()).toContain("Bob joined"), soon);
  await vi.waitFor(() => expect(eve.lines()).toContain("Eve joined"), soon);
  bob.say("<b>hello</b>");
  await vi.waitFor(() => expect(ada.lines().at(-1)).toMatch(/Bob · .* <b>hello<\/b>$/), soon);
  expect(ada.shown("people")).toBe("2 people here");
  bob.close();
  await vi.waitFor(() => expect(ada.lines().at(-1)).toBe("Bob left"), soon);
  expect(eve.lines().filter((line) => /Ada|Bob/.test(line))).toEqual([]);
});

it("tells what to try, and its page survives a reload and the death of its worker", async () => {
  const { child, open, output } = await startChat(
    ...["dist/bin/holdfast.cjs", "run", "examples/chat-ws/server.mjs", "--name", "chat", "-i", "2"],
  );
  expect(output()).toContain(`kill -HUP ${child.pid} `);
  expect(output()).toMatch(/kill -9 \d+ /);

  const page = open("/", "Ada");
  await vi.waitFor(() => expect(page.shown("worker")).toMatch(/^slot [01] · pid \d+$/), soon);
  expect(page.shown("reload")).toBe(`kill -HUP ${child.pid}`);
  const first = page.shown("murder");

  child.kill("SIGHUP");
  const replaced = /^worker was replaced, reconnected to slot [01] in \d+ ms$/;
  await vi.waitFor(
    () => expect(page.lines().filter((line) => replaced.test(line))).not.toEqual([]),
    soon,
  );
  expect(page.shown("murder")).not.toBe(first);
  // The other slot may still be on its way: whoever is moved twice says it, and dies, again.
  await vi.waitFor(
    () => {
      page.say("still here");
      expect(page.lines().at(-1)).toMatch(/still here$/);
    },
    { timeout: 20_000, interval: 200 },
  );
  await vi.waitFor(() => {
    const victim = Number(page.shown("murder").split(" ").at(-1));
    expect(victim).toBeGreaterThan(1);
    process.kill(victim, "SIGKILL");
  }, soon);
  const lost = /^connection was lost, reconnected to slot [01] in \d+ ms$/;
  await vi.waitFor(
    () => expect(page.lines().filter((line) => lost.test(line))).not.toEqual([]),
    soon,
  );

  const ended = once(child, "exit");
  child.kill("SIGTERM");
  expect(await ended).toEqual([0, null]);
});
