/** The store of the durable queues over kills, foreign files and a full disk. */

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { QueueStore } from "../../src/supervisor/queue/store.ts";
import { projectRoot } from "../support/holdfast.ts";
import { until } from "../support/until.ts";
import { QueueFolder, taken, takeOne } from "./queue-folder.ts";

const STORE = join(projectRoot, "dist/src/supervisor/queue/store.js");
const WRITER = join(projectRoot, "test/fixtures/queue-writer.mjs");
const FULL_DISK = join(projectRoot, "test/fixtures/queue-full-disk.mjs");
const isRoot = process.getuid?.() === 0;
const canMount = isRoot && spawnSync("unshare", ["-m", "true"], { stdio: "ignore" }).status === 0;
const hasSqlite = process.getBuiltinModule("node:sqlite") !== undefined;

/** A process that adds and settles until it has told `lines` lines, and is killed then. What it told, by its first word. */
async function killedWriter(folder: string, lines: number): Promise<Map<string, Set<string>>> {
  const folderOfText = mkdtempSync(join(tmpdir(), "hf-told-"));
  const file = join(folderOfText, "told");
  // A file: a pipe that is not read for a while refuses what is written to it.
  const output = openSync(file, "w");
  const child = spawn(process.execPath, [WRITER, STORE, folder], {
    stdio: ["ignore", output, "inherit"],
  });
  closeSync(output);
  const closed = once(child, "close");
  const text = (): string => readFileSync(file, "utf8");
  try {
    await until(() => text().split("\n").length > lines, { what: "messages", timeoutMs: 30_000 });
  } finally {
    child.kill("SIGKILL");
    await closed;
  }
  const told = new Map<string, Set<string>>();
  // The last line may be cut short.
  for (const line of text().split("\n").slice(0, -1)) {
    const [word = "", id = ""] = line.split(" ");
    told.set(word, (told.get(word) ?? new Set()).add(id));
  }
  rmSync(folderOfText, { recursive: true });
  return told;
}

/** Where the page lies that has the first body; the store is closed. */
async function pageOf(file: string, store: QueueStore): Promise<number> {
  await store.add({
    ...{ queue: "marked", body: Buffer.from("the-mark"), format: 2, once: "mark", key: null },
    ...{ headers: null, delayMs: 0, ttlMs: null, priority: 4, attempts: 1, dedupe: null },
    ...{ dedupeMs: 1, from: "test" },
  });
  await store.close();
  const at = readFileSync(file).indexOf("the-mark");
  return at - (at % 4096);
}

describe("a store whose process is killed", () => {
  it("has every message it said it has, and none that was settled; none has an id twice", async () => {
    await using folder = new QueueFolder();
    const added = new Set<string>();
    const trying = new Set<string>();
    const done = new Set<string>();
    for (const lines of [300, 1500, 3000]) {
      const told = await killedWriter(folder.path, lines);
      expect(told.has("failed")).toBe(false);
      const now = told.get("added") ?? new Set();
      expect([...now].filter((id) => added.has(id))).toEqual([]);
      for (const id of now) added.add(id);
      for (const id of told.get("trying") ?? []) trying.add(id);
      for (const id of told.get("done") ?? []) done.add(id);
    }
    expect(done.size).toBeGreaterThan(0);
    const store = await folder.open();
    const held = await store.held();
    const ready = await store.take("mails", 100_000, "w1");
    const present = new Set([...held, ...ready].map(({ id }) => id));
    // Of one that was being settled nobody knows.
    expect([...added].filter((id) => !present.has(id) && !trying.has(id))).toEqual([]);
    expect([...done].filter((id) => present.has(id))).toEqual([]);
  });
});

describe("a store that is closed and opened again", () => {
  it("has all that was handed in, its leases and its order", async () => {
    await using folder = new QueueFolder();
    const first = await folder.open();
    const adding = ["a", "b"].map((text) => first.add(folder.message(text, { key: "k" })));
    const all = Promise.all([...adding, first.add(folder.message("later", { delayMs: 60_000 }))]);
    await first.close();
    await all;
    await expect(first.add(folder.message("c"))).rejects.toMatchObject({ code: "HF_BUS_CLOSED" });
    const second = await folder.open();
    const { id } = await takeOne(second);
    await second.close();
    const third = await folder.open();
    expect(await third.held()).toEqual([{ id, attempt: 1, queue: "mails", holder: "w1" }]);
    expect(third.reading.depth).toMatchObject({ ready: 1, delayed: 1, leased: 1 });
    expect(await taken(third)).toEqual([]);
    const lost = { how: "retry", delayMs: 0, error: null, reason: "lost" } as const;
    expect(await third.settle({ id, attempt: 1, ...lost })).toBe(true);
    expect(await takeOne(third)).toMatchObject({ id, attempt: 2 });
    await third.close();
    const tomorrow = await folder.open({ clockAheadMs: 120_000 });
    expect(await taken(tomorrow)).toEqual(["later"]);
  });
});

describe("a folder that cannot be used", () => {
  it("another has it, in this process or another one: refused, and the first goes on", async () => {
    await using folder = new QueueFolder();
    const store = await folder.open();
    await expect(folder.open()).rejects.toMatchObject({ code: "HF_BUS_QUEUE_FOLDER" });
    const code = `const { QueueStore } = await import(process.argv[1]);
      await QueueStore.open(process.argv[2], { fsync: "os", maxMessages: 9, maxBytes: 9 }, {})
        .catch((error) => console.log(error.code, error.message));`;
    const { stdout } = spawnSync(
      process.execPath,
      ["--input-type=module", "-e", code, STORE, folder.path],
      { encoding: "utf8" },
    );
    expect(stdout).toContain("HF_BUS_QUEUE_FOLDER");
    expect(stdout).toContain(`another supervisor, or another program, has ${folder.file} open`);
    await store.add(folder.message("a"));
    expect(await taken(store)).toEqual(["a"]);
    expect(statSync(folder.file).mode & 0o777).toBe(0o600);
  });

  it.each([
    ["garbage", "is no SQLite database"],
    ["cut", "is damaged"],
    ["newer", "newer Holdfast"],
    ["foreign", "belongs to another program"],
  ])("its file is %s: refused by name, and left as it is", async (kind, words) => {
    await using folder = new QueueFolder();
    const store = await folder.open();
    const body = Buffer.alloc(50_000);
    for (let number = 0; number < 5; number += 1) await store.add(folder.message("", { body }));
    await store.close();
    const content = readFileSync(folder.file);
    if (kind === "garbage") writeFileSync(folder.file, Buffer.alloc(8192, "garbage"));
    if (kind === "cut") writeFileSync(folder.file, content.subarray(0, 8192));
    // https://www.sqlite.org/fileformat.html: user version and application id.
    if (kind === "newer") content.writeUInt32BE(99, 60);
    if (kind === "foreign") content.writeUInt32BE(1, 68);
    if (kind === "newer" || kind === "foreign") writeFileSync(folder.file, content);
    const before = readFileSync(folder.file);
    const error = await folder.open().catch((reason) => reason);
    expect(error).toMatchObject({ code: "HF_BUS_QUEUE_FOLDER" });
    expect(error.message).toContain(folder.file);
    expect(error.message).toContain(words);
    expect(readFileSync(folder.file).equals(before)).toBe(true);
    expect(folder.failures).toEqual([]);
  });

  it("damage that shows later closes the store and is told, to who asked and who owns it", async () => {
    await using folder = new QueueFolder();
    const first = await folder.open();
    await first.add(folder.message("a"));
    const place = await pageOf(folder.file, first);
    const content = readFileSync(folder.file);
    content.fill(0xff, place, place + 4096);
    writeFileSync(folder.file, content);
    const second = await folder.open();
    const asked = [second.take("mails", 1, "w1"), second.add(folder.message("b"))];
    const results = await Promise.allSettled(asked);
    for (const result of results) {
      expect(result).toMatchObject({ reason: { code: "HF_BUS_QUEUE_DAMAGED" } });
    }
    expect(folder.failures.map(({ message }) => message)).toEqual([
      expect.stringContaining(`${folder.file} is damaged`),
    ]);
    await expect(second.list()).rejects.toBe(folder.failures[0]);
  });

  it("damage that SQLite cannot see, in what is read elsewhere, is told as well", async () => {
    await using folder = new QueueFolder();
    const first = await folder.open();
    await first.add(folder.message("a", { headers: { trace: "the-trace" } }));
    await first.close();
    const content = readFileSync(folder.file);
    content.write("?", content.indexOf('{"trace":"the-trace"}'));
    writeFileSync(folder.file, content);
    const second = await folder.open();
    await expect(second.take("mails", 1, "w1")).rejects.toMatchObject({
      ...{ code: "HF_BUS_QUEUE_DAMAGED", message: expect.stringContaining("headers of message 1") },
    });
  });

  it("a file in its place is said", async () => {
    await using folder = new QueueFolder();
    writeFileSync(join(folder.path, "file"), "");
    const { QueueStore } = await import("../../src/supervisor/queue/store.ts");
    const options = { fsync: "os" as const, maxMessages: 9, maxBytes: 9 };
    const program = join(projectRoot, "dist/queue-thread.cjs");
    const opening = QueueStore.open(
      join(folder.path, "file"),
      { ...options, program },
      {
        ...{ due: () => {}, failed: () => {} },
      },
    );
    await expect(opening).rejects.toMatchObject({ code: "HF_BUS_QUEUE_FOLDER" });
  });

  // skip: this Node brings SQLite along.
  it.skipIf(hasSqlite)("without SQLite it is said what to install", async () => {
    await using folder = new QueueFolder();
    const program = join(folder.path, "alone", "queue-thread.cjs");
    mkdirSync(join(folder.path, "alone"));
    cpSync(join(projectRoot, "dist/queue-thread.cjs"), program);
    const error = await folder.open({ program }).catch((reason) => reason);
    expect(error).toMatchObject({ code: "HF_BUS_QUEUE_NO_SQLITE" });
    expect(error.message).toContain("@photostructure/sqlite is not installed");
    expect(readdirSync(folder.path)).toEqual(["alone"]);
  });
});

describe("a disk that is full", () => {
  // skip: a small file system needs root and a mount namespace.
  it.skipIf(!canMount)("refuses what does not fit, keeps what it took, and goes on", async () => {
    await using folder = new QueueFolder();
    const disk = join(folder.path, "disk");
    mkdirSync(disk);
    const script = `mount -t tmpfs -o size=3m tmpfs "${disk}" && "${process.execPath}" "${FULL_DISK}" "${STORE}" "${disk}"`;
    const end = spawnSync("unshare", ["-m", "sh", "-c", script], {
      encoding: "utf8",
      timeout: 30_000,
    });
    expect(end.stderr).toBe("");
    const told = JSON.parse(end.stdout);
    expect(told.refused.code).toBe("HF_BUS_QUEUE_FAILED");
    expect(told.refused.message).toMatch(
      /could not store a message: .*full\. Nothing of it was done/,
    );
    expect(told).toMatchObject({ failures: [], after: true, whileFull: told.stored + 1 });
    expect(told.left).toBe(told.stored + 2);
    expect(existsSync(join(disk, "queues"))).toBe(false);
  });
});
