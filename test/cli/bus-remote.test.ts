/** The key `bus` of a configuration file: `validate`, `start`, a plan, a change at run time, and the next supervisor. */

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:tls";
import { describe, expect, it } from "vitest";
import { fixture, freePort } from "../support/holdfast.ts";
import { House } from "../support/house.ts";

const KEY = randomBytes(32);
const app = { name: "api", script: fixture("puppet.mjs"), instances: 1, minUptime: 100 };
const written = (bus: unknown) => ({
  input: JSON.stringify({ apps: [{ ...app, env: { PORT: "0" } }], bus }),
});

/** Whether somebody who knows the key is let in there. */
async function lets(port: number, key = KEY): Promise<boolean> {
  const pskCallback = () => ({ identity: "edge", psk: key });
  const host = "127.0.0.1";
  const socket = connect({ host, port, pskCallback, checkServerIdentity: () => undefined });
  const isIn = await Promise.race([
    once(socket, "secureConnect").then(() => true),
    new Promise<boolean>((resolve) => socket.on("error", () => resolve(false))),
  ]);
  socket.destroy();
  return isIn;
}

describe("bus in a file", () => {
  it("is validated, and no key is shown", async () => {
    await using house = new House();
    const bus = { listen: "0.0.0.0:7420", psk: { edge: { key: KEY.toString("hex") } } };
    const { stdout } = await house.ok(["validate", "-", "--json"], written(bus));
    expect(JSON.parse(stdout).data.bus).toEqual({ listen: "0.0.0.0:7420", clients: ["edge"] });
    expect(stdout).not.toContain(KEY.toString("hex"));
    const wrong = await house.run(["validate", "-"], written({ ...bus, psk: {}, tls: {} }));
    expect(wrong).toMatchObject({
      status: 78,
      stderr: expect.stringContaining("HF_CONFIG_INVALID"),
    });
  });

  it("opens it, moves it, keeps it over a restart of the supervisor, and ends it", async () => {
    await using house = new House();
    const [first, second] = [await freePort(), await freePort()];
    const edge = { key: KEY.toString("base64") };
    const dry = await house.ok(
      ["start", "-", "--dry-run"],
      written({ listen: first, psk: { edge } }),
    );
    expect(dry.stderr + dry.stdout).toContain(
      `bus for other machines: would be on 127.0.0.1:${first}`,
    );
    const done = await house.ok(["start", "-"], written({ listen: first, psk: { edge } }));
    expect(done.stderr + done.stdout).toContain(`bus for other machines: on 127.0.0.1:${first}`);
    expect([await lets(first), await lets(first, randomBytes(32))]).toEqual([true, false]);

    // What is not mentioned stays.
    await house.ok(["start", "-"], written(undefined));
    expect(await lets(first)).toBe(true);
    await house.ok(["start", "-"], written({ listen: second, psk: { edge } }));
    expect([await lets(first), await lets(second)]).toEqual([false, true]);

    await house.ok(["shutdown"]);
    expect(await lets(second)).toBe(false);
    await house.ok(["resurrect"]);
    expect(await lets(second)).toBe(true);
    await house.ok(["start", "-"], written(false));
    expect(await lets(second)).toBe(false);
  });

  it("takes a key from this shell's variable, and hands it to no worker", async () => {
    await using house = new House();
    const port = await freePort();
    const bus = { listen: port, psk: { edge: { keyEnv: "EDGE_KEY" } } };
    const missing = await house.run(["start", "-"], written(bus));
    expect(missing).toMatchObject({
      status: 78,
      stderr: expect.stringContaining("HF_BUS_REMOTE_INVALID"),
    });
    const env = { EDGE_KEY: KEY.toString("hex") };
    await house.ok(["start", "-"], { ...written(bus), env });
    expect(await lets(port)).toBe(true);
    const { stdout } = await house.ok(["env", "api", "--json"]);
    expect(stdout).not.toContain(KEY.toString("hex"));
  });
});
