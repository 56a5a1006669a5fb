/** Both chats in a browser: two windows on different workers that go on talking, through a reload and a kill. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { Browser, hasChromium } from "../support/browser.ts";
import { Example } from "../support/examples/example.ts";
import { until } from "../support/until.ts";

const WITHIN_MS = 30_000;
/** Of 4 workers one in four windows comes to the same. */
const MOST_TRIES = 30;
/** A folder for pictures of the windows; none are taken without it. */
const { PICTURES } = process.env;

/** One person's window. */
class Tab {
  readonly name: string;
  readonly page: Page;
  readonly said: string[] = [];

  constructor(name: string, page: Page) {
    this.name = name;
    this.page = page;
  }

  async worker(): Promise<{ slot: number; pid: number }> {
    const shown = (await this.page.textContent("#worker")) ?? "";
    const [, slot, pid] = /^slot (\d+) · pid (\d+)/.exec(shown) ?? [];
    if (slot === undefined) throw new Error(`connected to no worker: ${shown}`);
    return { slot: Number(slot), pid: Number(pid) };
  }

  /** Resolves when it stands in this window as everybody sees it. */
  async say(text: string): Promise<void> {
    this.said.push(text);
    await this.page.fill("#text", text);
    await this.page.click("#send");
    await until(async () => (await this.heard()).includes(text), {
      ...{ what: `"${text}" in ${this.name}'s own window`, timeoutMs: WITHIN_MS },
    });
  }

  /** What was said, without the lines of those who have not been heard yet. */
  heard(): Promise<readonly string[]> {
    return this.page.$$eval("#log .said:not(.waiting)", (lines) =>
      lines.map((line) => line.lastChild?.textContent ?? ""),
    );
  }
}

interface Scene {
  readonly browser: Browser;
  readonly example: Example;
  readonly tabs: readonly [Tab, Tab];
}

/** An example with 4 workers, and two windows that two of them serve. */
async function play(folder: string, query: string, scene: (scene: Scene) => Promise<void>) {
  const log = mkdtempSync(join(tmpdir(), "hf-chat-"));
  try {
    await using example = await Example.start(folder, {
      apps: { rooms: { instances: 1 } },
      env: { ROOMS_FOLDER: log },
    });
    await using browser = await Browser.open();
    const complaints: string[] = [];
    const url = `http://${await example.address("chat")}`;
    const visit = async (name: string): Promise<Tab> => {
      const tab = new Tab(
        name,
        await browser.visit(`${url}/?name=${name}${query}#tea`, complaints),
      );
      await until(() => tab.worker(), { what: "a worker", timeoutMs: WITHIN_MS });
      return tab;
    };
    const ada = await visit("Ada");
    let bob = await visit("Bob");
    for (let tries = 0; (await bob.worker()).slot === (await ada.worker()).slot; tries += 1) {
      if (tries === MOST_TRIES) throw new Error("every window comes to the same worker");
      await bob.page.close();
      bob = await visit("Bob");
    }
    await scene({ browser, example, tabs: [ada, bob] });
    expect(complaints).toEqual([]);
  } finally {
    rmSync(log, { recursive: true, force: true });
  }
}

/** Both talk, by turns, until it is over, and a little longer. */
async function talkDuring([ada, bob]: Scene["tabs"], event: Promise<unknown>): Promise<void> {
  let more = 3;
  let isOver = false;
  const over = event.finally(() => {
    isOver = true;
  });
  while (more > 0) {
    if (isOver) more -= 1;
    await ada.say(`Ada says ${ada.said.length + 1}`);
    await bob.say(`Bob says ${bob.said.length + 1}`);
  }
  await over;
}

async function notesOf({ page }: Tab): Promise<readonly string[]> {
  return page.locator("#log .note.moved").allTextContents();
}

/** Of close code 1012, which the browser must have understood. */
const REPLACED = /^worker was replaced/;
const CHATS = [
  ["WebSocket", { folder: "chat-ws", query: "", shown: /pid \d+$/, moved: REPLACED }],
  ["Socket.IO", { folder: "chat-socketio", query: "", shown: /websocket$/, moved: REPLACED }],
  [
    "Socket.IO's polling",
    // Without a close code it cannot tell.
    { folder: "chat-socketio", query: "&transport=polling", shown: /polling$/, moved: /./ },
  ],
] as const;

// skip: chromium is not installed (Debian: chromium)
it.skipIf(!hasChromium()).each(CHATS)(
  "[chromium] two windows over %s miss nothing and see nothing twice",
  async (_over, { folder, query, shown, moved }) => {
    await play(folder, query, async ({ example, tabs }) => {
      const [ada, bob] = tabs;
      for (const { page } of tabs) await page.locator("#worker", { hasText: shown }).waitFor();
      await talkDuring(tabs, Promise.resolve());
      await talkDuring(tabs, example.reload());
      for (const tab of tabs) {
        const [, ...reloads] = await notesOf(tab);
        expect(reloads.length).toBeGreaterThan(0);
        for (const note of reloads) expect(note).toMatch(moved);
      }
      const { slot, pid } = await ada.worker();
      await talkDuring(tabs, example.kill("chat", slot));
      expect((await ada.worker()).pid).not.toBe(pid);
      const all = [...ada.said, ...bob.said].sort();
      await until(async () => (await ada.heard()).length >= all.length, {
        what: "Ada to hear all",
      });
      await until(async () => (await bob.heard()).length >= all.length, {
        what: "Bob to hear all",
      });
      expect((await ada.heard()).toSorted()).toEqual(all);
      expect(await bob.heard()).toEqual(await ada.heard());
      expect((await notesOf(ada)).length).toBeGreaterThanOrEqual(3);
    });
  },
  300_000,
);

// skip: chromium is not installed (Debian: chromium); and nothing is to be taken where nobody asks for pictures
it.skipIf(!hasChromium()).each(PICTURES ? ["chat-ws", "chat-socketio"] : [])(
  "[chromium] takes the picture of %s",
  async (folder) => {
    await play(folder, "", async ({ browser, example, tabs }) => {
      const [ada, bob] = tabs;
      await ada.say("Hello! I am on another worker than you are.");
      await bob.say("So you are. And the room is the same?");
      await example.reload();
      await ada.say("It is. Now everything was reloaded, and nothing is missing.");
      const { slot } = await bob.worker();
      await example.kill("chat", slot);
      await bob.say("Mine was just killed. Still here.");
      await until(async () => (await ada.heard()).length === 4, { what: "the last word" });
      await browser.photograph([ada.page, bob.page], join(PICTURES ?? ".", `${folder}.png`));
    });
  },
  300_000,
);
