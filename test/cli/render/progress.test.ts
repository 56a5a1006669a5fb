/** What a person sees while a command waits. */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createProgress } from "../../../src/cli/render/progress.ts";
import { until } from "../../support/until.ts";

const ESCAPE = "\u001b";
type Event = readonly [string, object];

const reload: readonly Event[] = [
  ["worker:start", { app: "api", slot: 0, worker: 3, pid: 1, generation: 2 }],
  ["worker:ready", { app: "api", slot: 0, worker: 3, pid: 1, generation: 2, tookMs: 40 }],
  ["worker:drain", { app: "api", slot: 0, worker: 1, pid: 9, generation: 1, why: "reload" }],
  ["worker:exit", { app: "api", slot: 0, worker: 1, pid: 9, reason: "reload", cause: "" }],
  ["reload:progress", { app: "api", renewed: 1, of: 2, generation: 2 }],
  ["worker:fault", { app: "api", slot: 0, worker: 3, fault: "no step" }],
];

const crash: readonly Event[] = [
  ["worker:start", { app: "api", slot: 1, worker: 4, pid: 5 }],
  [
    "worker:exit",
    { app: "api", slot: 1, worker: 4, pid: 5, reason: "uncaught", cause: `Error: ${ESCAPE}[2J` },
  ],
  ["slot:waiting", { app: "api", slot: 1, retryInMs: 1500, crashes: 1 }],
];

function shown(
  events: readonly Event[],
  { isTTY, columns = 60, rows = 24 }: { isTTY: boolean; columns?: number; rows?: number },
): { text(): string; frames(): readonly string[]; end(): void } {
  const written: string[] = [];
  const stream = { write: (text: string) => written.push(text), columns, rows };
  const progress = createProgress(stream, { isTTY, colour: false });
  for (const [name, data] of events) progress.event(name, data);
  return { text: () => written.join(""), frames: () => written, end: () => progress.end() };
}

describe("where there is no terminal", () => {
  it("is a line for each step", () => {
    const { text, end } = shown([...reload, ...crash], { isTTY: false });
    end();
    expect(text()).toBe(
      [
        "api:0 pid 1 starting",
        "api:0 pid 1 ready after 40ms",
        "api:0 pid 9 draining",
        "api:0 pid 9 ended",
        "api 1/2 slots replaced",
        "api:1 pid 5 starting",
        "api:1 pid 5 Error: \\u001b[2J",
        "api:1 crashed, restarts in 1s",
        "",
      ].join("\n"),
    );
  });
});

describe("on a terminal", () => {
  it("is one line for each slot, of its newest worker and of the one that goes", () => {
    const { text, end } = shown(reload.slice(0, 3), { isTTY: true });
    end();
    expect(lines(text())).toEqual(["api:0 pid 1 ready after 40ms; pid 9 draining"]);
    const later = shown(reload, { isTTY: true });
    later.end();
    expect(lines(later.text())).toEqual(["api:0 pid 1 ready after 40ms", "api 1/2 slots replaced"]);
  });

  it("draws many steps at once, ten times a second at most, over what it drew before", async () => {
    const progress = shown(reload, { isTTY: true });
    expect(progress.frames()).toEqual([]);
    await until(() => progress.frames().length === 1, { what: "the first frame" });
    progress.end();
    expect(progress.frames()).toHaveLength(1);
    const written: string[] = [];
    const two = createProgress(
      { write: (text) => written.push(text) },
      { isTTY: true, colour: false },
    );
    for (const [name, data] of reload) two.event(name, data);
    await until(() => written.length === 1, { what: "the first frame" });
    two.event("reload:progress", { app: "api", renewed: 2, of: 2 });
    two.end();
    expect(written).toHaveLength(2);
    // Two lines up, each erased before it is written: the cursor ends where it was, below the block.
    expect(written[1]).toContain(`${ESCAPE}[2A${ESCAPE}[2K`);
    expect(lines(written[1] ?? "").at(-1)).toBe("api 2/2 slots replaced");
  });

  it("never wraps or scrolls: lines are cut, and no more drawn than the screen has", () => {
    const many = Array.from({ length: 30 }, (_, slot): Event => {
      const cause = "x".repeat(200);
      return ["worker:exit", { app: "api", slot, worker: slot, pid: 1, reason: "error", cause }];
    });
    const { text, end } = shown(many, { isTTY: true, columns: 40, rows: 10 });
    end();
    const drawn = lines(text());
    expect(drawn).toHaveLength(9);
    for (const line of drawn) expect(line.length).toBeLessThanOrEqual(39);
    expect(drawn.at(-1)).toMatch(/^api:29 /);
  });

  it("that says its size is 0 is taken for an ordinary one", () => {
    const { text, end } = shown([...reload, ...crash], { isTTY: true, columns: 0, rows: 0 });
    end();
    expect(lines(text())).toHaveLength(3);
  });

  it("says why a worker failed, and then what happens next", () => {
    const failed = shown(crash.slice(0, 2), { isTTY: true });
    failed.end();
    expect(lines(failed.text())).toEqual(["api:1 pid 5 Error: \\u001b[2J"]);
    const waiting = shown(crash, { isTTY: true });
    waiting.end();
    expect(lines(waiting.text())).toEqual(["api:1 crashed, restarts in 1s"]);
  });
});

/** The lines of a frame without what moves the cursor. */
function lines(frame: string): readonly string[] {
  const codes = new RegExp(`${ESCAPE}\\[(?:\\?2026[hl]|\\d*[AK])`, "g");
  return frame.replaceAll(codes, "").trimEnd().split("\n");
}

describe("while nothing happens", () => {
  const started: Event = ["worker:start", { app: "api", slot: 0, worker: 3, pid: 1 }];
  const ready: Event = ["worker:ready", { app: "api", slot: 0, worker: 3, pid: 1, tookMs: 1000 }];
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("says once after two seconds what is waited for", () => {
    const { frames, end } = shown([started, ready], { isTTY: false });
    vi.advanceTimersByTime(1999);
    expect(frames()).toHaveLength(2);
    vi.advanceTimersByTime(60_000);
    expect(frames().slice(2)).toEqual([
      "api:0 nothing new for 2s: waiting to see whether it listens and stays up; Ctrl-C ends the waiting, not the work\n",
    ]);
    end();
  });
  it("counts the seconds on a terminal, below the block, and takes the line away in the end", () => {
    const { text, frames, end } = shown([started], { isTTY: true, columns: 200 });
    vi.advanceTimersByTime(3000);
    const [, second = "", third = ""] = frames();
    expect(second).toContain(
      "api:0 nothing new for 2s: waiting for it to listen, or to say that it is ready",
    );
    expect(third).toContain("nothing new for 3s");
    // Two lines up: over the row and over the line below it.
    expect(third).toContain(`${ESCAPE}[2A`);
    end();
    expect(frames().at(-1)).toContain(`${ESCAPE}[0J`);
    expect(frames().at(-1)).not.toContain("nothing new");
    const before = text();
    vi.advanceTimersByTime(60_000);
    expect(text()).toBe(before);
  });
  it("says nothing where nothing of a slot is waited for, or the command has ended", () => {
    const one = shown(crash, { isTTY: false });
    const other = shown([started], { isTTY: false });
    other.end();
    vi.advanceTimersByTime(60_000);
    expect([one.frames().length, other.frames().length]).toEqual([3, 1]);
    one.end();
  });
});
