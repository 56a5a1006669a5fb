import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { wantsColour } from "../../../src/cli/render/colour.ts";
import { renderJlist } from "../../../src/cli/render/jlist.ts";
import { renderList } from "../../../src/cli/render/list.ts";
import { createProgress } from "../../../src/cli/render/progress.ts";
import { renderStatus } from "../../../src/cli/render/status.ts";
import { renderTable } from "../../../src/cli/render/table.ts";
import { cutTo, harmless, widthOf } from "../../../src/cli/render/text.ts";
import { humanBytes, humanDuration } from "../../../src/cli/render/units.ts";
import type { AppOverview, Overview } from "../../../src/core/overview.ts";

const NOW = Date.UTC(2026, 10, 21, 7, 0, 0);

function app(more: Partial<AppOverview> = {}): AppOverview {
  return {
    name: "api",
    namespace: "default",
    status: "running",
    instances: 2,
    ready: 2,
    generation: 3,
    reloading: false,
    mixed: false,
    addresses: ["127.0.0.1:3000"],
    script: "server.js",
    file: "/srv/api/server.js",
    cwd: "/srv/api",
    args: [],
    since: NOW - 65_000,
    configFile: null,
    restarts: 1,
    crashes: 1,
    lastExit: null,
    lastReload: null,
    workers: [0, 1].map((slot) => ({
      id: slot + 1,
      pid: 4000 + slot,
      slot,
      generation: 3,
      phase: "ready",
      ageMs: 61_000,
      settled: true,
      memoryBytes: 50 * 1024 * 1024,
      cpuPercent: 1.5,
    })),
    slots: [0, 1].map((slot) => ({
      slot,
      state: "ready",
      crashes: 0,
      retryInMs: null,
      restarts: slot,
      logs: { out: `/l/${slot}-out.log`, err: `/l/${slot}-err.log` },
    })),
    ...more,
  };
}

function overview(...apps: AppOverview[]): Overview {
  return {
    version: 1,
    supervisor: {
      pid: 99,
      version: "1.0.0",
      node: "20.19.0",
      startedAt: NOW - 100_000,
      home: "/h",
      user: "me",
    },
    apps,
  };
}

const plain = { columns: null, colour: false, now: NOW };

describe("the list", () => {
  it("shows each app on a line with its state, readiness, age, load and address", () => {
    expect(renderList(overview(app()), "table", plain)).toBe(
      [
        "NAME  STATE    READY  SINCE   CPU      MEM  RESTARTS  CRASHES  GEN  ADDRESS         NAMESPACE  PIDS       SCRIPT              FILE",
        "api   ● ready    2/2  1m 5s  3.0%  100 MiB         1        1    3  127.0.0.1:3000  default    4000 4001  /srv/api/server.js  -",
        "",
      ].join("\n"),
    );
  });

  it("fits any terminal, name and state first", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 30, max: 200 }),
        fc.string({ maxLength: 64 }),
        (columns, name) => {
          const text = renderList(overview(app({ name: name || "x" })), "table", {
            ...plain,
            columns,
          });
          for (const line of text.split("\n")) expect(widthOf(line)).toBeLessThanOrEqual(columns);
          expect(text).toContain("STATE");
        },
      ),
    );
  });

  it("is data in a versioned shape, or names", () => {
    const both = overview(app(), app({ name: "mail" }));
    const { version, ...data } = both;
    expect(JSON.parse(renderList(both, "json", plain))).toEqual({ version, data });
    const lines = renderList(both, "ndjson", plain).trim().split("\n");
    expect(lines.map((line) => JSON.parse(line).data.name)).toEqual(["api", "mail"]);
    expect(renderList(both, "name", plain)).toBe("api\nmail\n");
    expect(renderList(overview(), "name", plain)).toBe("");
  });

  it("tells states apart without colours", () => {
    const failed = app({
      ready: 0,
      workers: [],
      slots: app().slots.map((slot) => ({ ...slot, state: "failed" as const, retryInMs: 5000 })),
    });
    const states: [AppOverview, string][] = [
      [app(), "● ready"],
      [app({ ready: 1 }), "◐ starting"],
      [app({ reloading: true }), "◐ reloading"],
      [app({ status: "stopping" }), "◐ stopping"],
      [app({ status: "stopped" }), "○ stopped"],
      [failed, "✗ failed"],
      [{ ...failed, ready: 1 }, "◐ degraded"],
    ];
    for (const [one, shown] of states) {
      expect(renderList(overview(one), "table", plain)).toContain(shown);
    }
  });
});

describe("pm2's list", () => {
  it("has one object for each slot in pm2's shape", () => {
    const [first, second] = JSON.parse(renderJlist(overview(app())));
    expect(first).toMatchObject({
      pid: 4000,
      name: "api",
      pm_id: 0,
      monit: { memory: 50 * 1024 * 1024, cpu: 1.5 },
      pm2_env: { status: "online", NODE_APP_INSTANCE: 0, pm_exec_path: "/srv/api/server.js" },
    });
    expect(second).toMatchObject({ pm_id: 1, pm2_env: { restart_time: 1 } });
    const [stopped] = JSON.parse(
      renderJlist(overview(app({ status: "stopped", workers: [], ready: 0 }))),
    );
    expect(stopped).toMatchObject({
      pid: 0,
      monit: { memory: 0, cpu: 0 },
      pm2_env: { status: "stopped" },
    });
  });
});

describe("the status", () => {
  it("says why it ended last and what happens next", () => {
    const text = renderStatus(
      app({
        ready: 1,
        lastExit: {
          at: NOW - 5000,
          slot: 1,
          pid: 4001,
          reason: "uncaught",
          cause: "Error: no database",
          lastOutput: ["connecting", "Error: no database"],
        },
        slots: app().slots.map((slot) =>
          slot.slot === 1 ? { ...slot, state: "waiting" as const, retryInMs: 1500 } : slot,
        ),
      }),
      { ...plain, lastLines: ["api:0 | hello"] },
    );
    expect(text).toContain("degraded 1/2, since 2026-11-21 06:58:55 UTC (1m 5s ago)");
    expect(text).toContain("slot 1 (pid 4001): Error: no database [uncaught]");
    expect(text).toContain("next      slot 1 restarts in 1s");
    expect(text).toContain("  | connecting");
    expect(text).toContain("api:0 | hello");
  });

  it("of a stopped app says how to start it, of a failed reload why", () => {
    const reload = { at: NOW, generation: 4, result: "unchanged" as const, cause: "it threw" };
    const text = renderStatus(app({ status: "stopped", lastReload: reload }), {
      ...plain,
      lastLines: [],
    });
    expect(text).toContain("nothing, until `holdfast start api`");
    expect(text).toContain("generation 4 failed (unchanged): it threw");
  });

  it("lets no app move the cursor", () => {
    const evil = "\u001b[2Jgone\u0007\u202e";
    const text = renderStatus(app({ name: evil, script: evil, file: evil, addresses: [evil] }), {
      ...plain,
      lastLines: [evil],
    });
    const controls = [...text].filter((c) => (c < " " && c !== "\n") || c === "\u202e");
    expect(controls).toEqual([]);
    expect(renderList(overview(app({ name: evil })), "wide", plain)).not.toContain("\u001b");
  });
});

describe("text", () => {
  it("has the width it is shown with", () => {
    const widths: [string, number][] = [
      ["abc", 3],
      ["日本", 4],
      ["e\u0301", 1],
      ["👍", 2],
      ["\u001b[31mred\u001b[0m", 3],
      ["● ready", 7],
    ];
    for (const [text, width] of widths) expect([text, widthOf(text)]).toEqual([text, width]);
  });
  it("is cut to exactly the columns there are", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme" }),
        fc.integer({ min: 1, max: 30 }),
        (text, columns) => {
          expect(widthOf(cutTo(harmless(text), columns))).toBe(columns);
        },
      ),
    );
  });
});

describe("numbers", () => {
  it("are shown in the unit a person would use", () => {
    expect([0, 1023, 1536, 150 * 2 ** 20, 2 ** 31].map(humanBytes)).toEqual([
      "0 B",
      "1023 B",
      "1.5 KiB",
      "150 MiB",
      "2.0 GiB",
    ]);
    expect([850, 61_000, 3_600_000, 90_061_000].map(humanDuration)).toEqual([
      "850ms",
      "1m 1s",
      "1h",
      "1d 1h",
    ]);
  });
});

describe("colours", () => {
  it("follow flags, NO_COLOR, FORCE_COLOR and the terminal, in this order", () => {
    const tty = { isTTY: true };
    expect(wantsColour({}, {}, tty)).toBe(true);
    expect(wantsColour({}, { TERM: "dumb" }, tty)).toBe(false);
    expect(wantsColour({}, {}, {})).toBe(false);
    expect(wantsColour({}, { FORCE_COLOR: "1" }, {})).toBe(true);
    expect(wantsColour({}, { NO_COLOR: "1", FORCE_COLOR: "1" }, tty)).toBe(false);
    expect(wantsColour({ color: true, colorGiven: true }, { NO_COLOR: "1" }, {})).toBe(true);
    expect(wantsColour({ color: false, colorGiven: true }, {}, tty)).toBe(false);
  });
});

describe("progress", () => {
  const steps: [string, object][] = [
    ["worker:start", { app: "api", slot: 0, pid: 1, generation: 2 }],
    ["worker:ready", { app: "api", slot: 0, pid: 1, generation: 2, tookMs: 40 }],
    ["worker:exit", { app: "api", slot: 0, pid: 9, generation: 1, reason: "reload", cause: "" }],
    ["reload:progress", { app: "api", renewed: 1, of: 2, generation: 2 }],
    ["worker:fault", { app: "api" }],
  ];
  it("is a line for each step where there is no terminal", () => {
    let text = "";
    const progress = createProgress(
      { write: (more) => (text += more) },
      { isTTY: false, colour: false },
    );
    for (const [name, data] of steps) progress.event(name, data);
    progress.end();
    expect(text).toBe(
      "api:0 starting (pid 1)\napi:0 ready (pid 1) after 40 ms\napi:0 ended (pid 9)\napi 1/2 slots replaced\n",
    );
  });
  it("is redrawn in place on a terminal, the last state at the end", () => {
    let text = "";
    const progress = createProgress(
      { write: (more) => (text += more), columns: 40 },
      { isTTY: true, colour: false },
    );
    for (const [name, data] of steps) progress.event(name, data);
    progress.end();
    expect(text).not.toContain("starting");
    expect(text).toContain("api:0 ready (pid 1) after 40 ms");
  });
});

describe("a table", () => {
  it("cuts its widest column when leaving out is not enough", () => {
    const column = (title: string, text: string) => ({ title, priority: 0, cell: () => text });
    const text = renderTable([column("A", "x".repeat(50)), column("B", "y".repeat(10))], [0], {
      width: 40,
      colour: false,
    });
    expect(text).toContain(`${"x".repeat(27)}…  ${"y".repeat(10)}`);
  });
});
