/** The bus of a background supervisor: in its home, where every program of that user finds it. */

import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { BUS } from "../../src/link/bus-frames.ts";
import { fixture, freePort } from "../support/holdfast.ts";
import { House } from "../support/house.ts";
import { until } from "../support/until.ts";
import { TestClient } from "./bus-clients.ts";

describe("in the background", () => {
  it("the socket is in the home, is the next supervisor's after a kill, and goes with the last app", async () => {
    await using house = new House();
    const path = join(house.home, "run/bus.sock");
    const env = { PORT: String(await freePort()) };
    const app = { script: fixture("bus-member.mjs"), name: "shop", instances: 1, env };
    await house.ok(["start", house.file("apps.json", { apps: [app] })]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const client = await TestClient.at(path);
    expect((await client.request("who")).kind).toBe(BUS.reply);
    process.kill((await house.overview()).supervisor.pid, "SIGKILL");
    await until(() => client.downs, { what: "the connection to be lost" });
    await house.ok(["resurrect"]);
    // It does not come back by itself, as the bus's own client does.
    await house.ok(["restart", "shop"]);
    const again = await TestClient.at(path);
    await until(async () => (await again.request("who")).kind === BUS.reply, {
      what: "the next supervisor's worker to answer",
    });
    await house.ok(["delete", "shop"]);
    expect(existsSync(path)).toBe(false);
    await Promise.all([client.close(), again.close()]);
    await house.ok(["shutdown"]);
    expect(existsSync(join(house.home, "run"))).toBe(false);
  });
});
