import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { onUnread } from "../../src/system/pipe-reader.ts";
import { until } from "../support/until.ts";

/** A pipe by name, which this process writes to. */
function pipe(): { readonly path: string; remove(): void } {
  const root = mkdtempSync(join(tmpdir(), "hf-pipe-"));
  const path = join(root, "pipe");
  execFileSync("mkfifo", [path]);
  return { path, remove: () => rmSync(root, { recursive: true }) };
}

// skip: readers are looked up in /proc, which Linux alone has.
describe.runIf(process.platform === "linux")("a pipe's reader", () => {
  it("is noticed when the last one goes, and not before", async () => {
    const { path, remove } = pipe();
    const readers = [0, 1].map(() => spawn("sh", ["-c", `exec cat <"${path}"`]));
    // Opening waits for a reader.
    const fd = openSync(path, constants.O_WRONLY);
    try {
      let isGone = false;
      let looks = 0;
      await until(() => readers.every(({ pid }) => reads(pid as number, path)), { what: "both" });
      const unwatch = onUnread(fd, 20, () => (isGone = true));
      const [first, second] = readers;
      first?.kill("SIGKILL");
      await once(first as NonNullable<typeof first>, "close");
      await until(() => looks++ > 10, { what: "some looks" });
      expect(isGone).toBe(false);
      second?.kill("SIGKILL");
      await until(() => isGone, { what: "the last one's end" });
      unwatch();
    } finally {
      for (const reader of readers) reader.kill("SIGKILL");
      closeSync(fd);
      remove();
    }
  });
  it("is not missed where there is no pipe, or none is in sight", async () => {
    const { path, remove } = pipe();
    const file = openSync("/dev/null", "w");
    // Both ends at once: the reader is this process, and then nobody.
    const both = openSync(path, constants.O_RDWR);
    const fd = openSync(path, constants.O_WRONLY);
    closeSync(both);
    try {
      let calls = 0;
      const ends = [file, fd, 9999].map((each) => onUnread(each, 5, () => calls++));
      let looks = 0;
      await until(() => looks++ > 10, { what: "some looks" });
      expect(calls).toBe(0);
      for (const end of ends) end();
    } finally {
      closeSync(fd);
      closeSync(file);
      remove();
    }
  });
});

function reads(pid: number, path: string): boolean {
  try {
    return execFileSync("readlink", [`/proc/${pid}/fd/0`], { encoding: "utf8" }).trim() === path;
  } catch {
    return false;
  }
}
