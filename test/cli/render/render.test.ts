import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { wantsColour } from "../../../src/cli/render/colour.ts";
import { renderJlist } from "../../../src/cli/render/jlist.ts";
import { columnNames, renderList } from "../../../src/cli/render/list.ts";
import { renderPlan } from "../../../src/cli/render/plan.ts";
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
    range: null,
    ready: 2,
    generation: 3,
    reloading: false,
    mixed: false,
    addresses: ["127.0.0.1:3000"],
    script: "server.js",
    file: "/srv/api/server.js",
    cwd: "/srv/api",
    args: [],
    execMode: "cluster",
    interpreter: "/usr/bin/node",
    nodeVersion: "22.12.0",
    nodeArgs: ["--trace-warnings"],
    drainTimeoutMs: 30_000,
    shutdownMessage: false,
    autorestart: true,
    autostart: true,
    watch: null,
    cron: null,
    maxMemoryBytes: null,
    sticky: null,
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
      number: 7 + slot,
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
      admin: null,
      heir: { wanted: true, pid: 100 },
      takeovers: 0,
    },
    apps,
  };
}

const plain = { columns: null, colour: false, now: NOW };

describe("the list", () => {
  it("shows each app on a line with its state, readiness, age, load and address", () => {
    expect(renderList(overview(app()), "table", plain)).toBe(
      [
        "NAME  STATE    READY  SINCE   CPU      MEM  RESTARTS  CRASHES  GEN  ADDRESS         NAMESPACE",
        "api   ● ready    2/2  1m 5s  3.0%  100 MiB         1        1    3  127.0.0.1:3000  default",
        "",
      ].join("\n"),
    );
    const wide = renderList(overview(app()), "wide", { ...plain, columns: 20 });
    expect(wide).toMatch(/PIDS +SCRIPT +FILE\n.*4000 4001 {2}\/srv\/api\/server\.js {2}-\n$/);
  });

  it("shows the bounds of an app whose number of workers follows its load", () => {
    const scaled = app({ range: { min: 2, max: 8 } });
    expect(renderList(overview(scaled), "table", plain)).toContain("● ready  2/2 (2..8)");
    const status = renderStatus(scaled, { ...plain, lastLines: [] });
    expect(status).toContain("state     ready, 2 of 2 (2..8) ready, since");
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

  it("shows the columns that are asked for, in that order, all of them however narrow", () => {
    const chosen = ["cpu", "pids", "name"];
    expect(renderList(overview(app()), "table", { ...plain, chosen })).toBe(
      " CPU  PIDS       NAME\n3.0%  4000 4001  api\n",
    );
    const narrow = renderList(overview(app()), "table", { ...plain, columns: 12, chosen });
    for (const title of ["C", "P", "N"]) expect(narrow.split("\n")[0]).toContain(title);
    expect(columnNames()).toContain("ready");
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
      [{ ...failed, slots: failed.slots.map((slot) => ({ ...slot, state: "done" })) }, "○ done"],
    ];
    for (const [one, shown] of states) {
      expect(renderList(overview(one), "table", plain)).toContain(shown);
    }
  });
});

describe("pm2's list", () => {
  const jlist = { now: NOW, versionOf: () => "1.2.3" };

  it("has one object for each slot in pm2's shape", () => {
    const [first, second] = JSON.parse(renderJlist(overview(app()), jlist));
    expect(first).toMatchObject({
      pid: 4000,
      name: "api",
      pm_id: 7,
      monit: { memory: 50 * 1024 * 1024, cpu: 1.5 },
      pm2_env: {
        status: "online",
        NODE_APP_INSTANCE: 0,
        pm_exec_path: "/srv/api/server.js",
        pm_uptime: NOW - 61_000,
        created_at: NOW - 65_000,
        exec_mode: "cluster_mode",
        exec_interpreter: "/usr/bin/node",
        node_version: "22.12.0",
        node_args: ["--trace-warnings"],
        version: "1.2.3",
        autorestart: true,
        watch: false,
        env: {},
      },
    });
    expect(second).toMatchObject({ pm_id: 8, pm2_env: { pm_id: 8, restart_time: 1 } });
    const [stopped] = JSON.parse(
      renderJlist(overview(app({ status: "stopped", workers: [], ready: 0 })), jlist),
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
          stack: null,
        },
        slots: app().slots.map((slot) =>
          slot.slot === 1 ? { ...slot, state: "waiting" as const, retryInMs: 1500 } : slot,
        ),
      }),
      { ...plain, lastLines: ["api:0 | hello"] },
    );
    expect(text).toContain("degraded, 1 of 2 ready, since 2026-11-21 06:58:55 UTC (1m 5s ago)");
    expect(text).toContain("slot 1 (pid 4001): Error: no database [uncaught]");
    expect(text).toContain("next      slot 1 restarts in 1s");
    expect(text).toContain("node      22.12.0 --trace-warnings, cluster mode, /usr/bin/node");
    expect(text).toContain(
      "at stop   drains; killed with all it has started after 30s at the latest",
    );
    expect(text).toContain("  | connecting");
    expect(text).toContain("api:0 | hello");
  });

  it("says what names a session where something does", () => {
    const status = (sticky: readonly string[] | null) =>
      renderStatus(app({ sticky }), { ...plain, lastLines: [] });
    expect(status(["socket.io", "cookie"])).toContain("  sticky    socket.io, cookie\n");
    expect(status(null)).not.toContain("sticky");
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
      ["👨‍👩‍👧", 2],
      ["1️⃣", 2],
      ["🇨🇭", 2],
      ["ﾊﾝ", 2],
      ["● ready", 7],
    ];
    for (const [text, width] of widths) expect([text, widthOf(text)]).toEqual([text, width]);
  });
  it("is cut to the columns there are, and loses no more than it must", () => {
    const text = fc.string({ unit: "grapheme" }).map(harmless);
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 30 }), (whole, columns) => {
        const cut = cutTo(whole, columns);
        expect(widthOf(cut)).toBeLessThanOrEqual(columns);
        if (widthOf(whole) <= columns) expect(cut).toBe(whole);
        // A wide character may be one column too wide for the last place.
        else expect(widthOf(cut)).toBeGreaterThanOrEqual(Math.min(columns, 2) - 1);
      }),
    );
  });
  it("holds no control character, whatever came in", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(harmless(text)).not.toMatch(/[\p{Cc}\u2028-\u202e\u2066-\u2069\ufeff]/u);
      }),
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

describe("a plan", () => {
  it("is a line for each change, harmless, or says that there is none", () => {
    const lines = ["api: start, instances 2", "old: remove", "web: env.A 1 -> \u001b[2J"];
    expect(renderPlan(lines, { colour: false })).toBe(
      "api: start, instances 2\nold: remove\nweb: env.A 1 -> \\u001b[2J\n",
    );
    const painted = renderPlan(lines, { colour: true }).split("\n");
    expect(painted.map((line) => line.slice(0, 5))).toEqual([
      ...[32, 31, 33].map((code) => `\u001b[${code}m`),
      "",
    ]);
    expect(renderPlan([], { colour: true })).toBe("nothing to change\n");
  });
});

describe("a table", () => {
  const column = (title: string, text: string) => ({ title, priority: 0, cell: () => text });
  const columns = [column("A", "x".repeat(50)), column("B", "y".repeat(10))];

  it("cuts its widest column when leaving out is not enough", () => {
    const text = renderTable(columns, [0], { columns: 40, colour: false });
    expect(text).toContain(`${"x".repeat(27)}…  ${"y".repeat(10)}`);
  });
  it("is whole on a terminal that says its width is 0", () => {
    const whole = renderTable(columns, [0], { columns: null, colour: false });
    expect(renderTable(columns, [0], { columns: 0, colour: false })).toBe(whole);
  });
  it("fits whatever is in it, and leaves out and cuts nothing where there is no terminal", () => {
    const cells = fc.array(fc.string({ unit: "grapheme", maxLength: 40 }), { maxLength: 5 });
    fc.assert(
      fc.property(cells, cells, fc.integer({ min: 4, max: 60 }), (left, right, width) => {
        const rows = left.map((text, index) => ({ left: text, right: right[index] ?? "" }));
        const both = [
          { title: "LEFT", priority: 0, cell: (row: (typeof rows)[number]) => row.left },
          { title: "RIGHT", priority: 0, cell: (row: (typeof rows)[number]) => row.right },
        ];
        const narrow = renderTable(both, rows, { columns: width, colour: false });
        for (const line of narrow.split("\n")) expect(widthOf(line)).toBeLessThanOrEqual(width);
        const whole = renderTable(both, rows, { columns: null, colour: false });
        for (const row of rows) expect(whole).toContain(harmless(row.left).trimEnd());
      }),
    );
  });
  it("colours words, not the blanks around them", () => {
    const coloured = { ...column("S", "ok"), colour: () => "green" as const };
    const text = renderTable([coloured, column("T", "t")], [0], { columns: 80, colour: true });
    expect(text).toContain("\u001b[32mok\u001b[0m  t");
  });
});
