/** Last values, over the supervisor's real bus. */

import { describe, expect, it } from "vitest";
import { WatchGate } from "../../src/bus/watch.ts";
import { until } from "../support/until.ts";
import { codeOf, serve } from "./served.ts";

describe("state", () => {
  it("keeps the last value of each subject for who comes later", async () => {
    const served = serve();
    const [one, other] = [await served.client(), await served.client()];
    expect(await other.state.get("config.flags")).toBe(undefined);
    await one.state.set("config.flags", { dark: true });
    await one.state.set("config.flags", { dark: false });
    expect(await other.state.get("config.flags")).toEqual({ dark: false });
    await one.state.set("config.flags", undefined);
    expect(await other.state.get("config.flags")).toBe(undefined);
  });

  it("gives a watcher the present first, then what changes", async () => {
    const served = serve();
    const [one, other] = [await served.client(), await served.client()];
    await one.state.set("config.a", 1);
    await one.state.set("config.b", new Map([[1, 2]]), { encoding: "clone" });
    const heard: [string, unknown][] = [];
    const watch = await other.state.watch("config.*", (data, { subject }) => {
      heard.push([subject, data]);
    });
    expect(heard).toEqual([
      ["config.a", 1],
      ["config.b", new Map([[1, 2]])],
    ]);
    await one.state.set("config.a", 3);
    await until(() => heard.length === 3, { what: "the change" });
    expect(heard[2]).toEqual(["config.a", 3]);
    await watch.unsubscribe();
    await one.state.set("config.a", 4);
    await other.flush();
    expect(heard).toHaveLength(3);
  });

  it("gives a watcher what is there when its connection comes again", async () => {
    const served = serve();
    const [one, other] = [await served.client(), await served.client()];
    const heard: unknown[] = [];
    await other.state.watch("a", (data) => heard.push(data));
    await served.stop();
    served.start();
    await one.state.set("a", 1);
    await until(() => heard.includes(1), { what: "the value set meanwhile" });
  });

  it("refuses what is no subject", async () => {
    const client = await serve().client();
    expect(await codeOf(client.state.set("sys.mine", 1))).toBe("HF_BUS_SUBJECT_INVALID");
    expect(await codeOf(client.state.get("a.*"))).toBe("HF_BUS_SUBJECT_INVALID");
    expect(await codeOf(client.state.watch("a.>.b", () => {}))).toBe("HF_BUS_SUBJECT_INVALID");
    expect(await client.state.get("sys.worker.app.0")).toBe(undefined);
  });

  it("tells a watcher's errors, of present values, too", async () => {
    const client = await serve().client();
    await client.state.set("a", 1);
    const errors: unknown[] = [];
    client.on("error", (error) => errors.push(error));
    await client.state.watch("a", () => Promise.reject(new Error("of the handler")));
    await client.state.set("a", 2);
    await until(() => errors.length === 2, { what: "two errors" });
  });
});

describe("WatchGate", () => {
  it("passes on, when it opens, the newest of each subject", () => {
    const passed: unknown[] = [];
    const gate = new WatchGate(({ data }) => passed.push(data));
    const heard = (subject: string, data: unknown): void => {
      gate.heard({ data, message: { subject } as never });
    };
    heard("a", 1);
    heard("b", 2);
    heard("a", 3);
    expect(passed).toEqual([]);
    gate.open();
    expect(passed).toEqual([3, 2]);
    heard("a", 4);
    gate.shut();
    heard("a", 5);
    expect(passed).toEqual([3, 2, 4]);
    gate.open();
    expect(passed).toEqual([3, 2, 4, 5]);
  });
});
