/** `--sticky` from the command line to the supervisor and back. */
import { describe, expect, it } from "vitest";
import { fixture } from "../support/holdfast.ts";
import { House } from "../support/house.ts";

const puppet = fixture("puppet.mjs");

describe("holdfast start --sticky", () => {
  it("needs no value, takes one, and status tells what names a session", async () => {
    await using house = new House();
    await house.ok(["start", "-n", "web", "-i", "1", "--sticky", puppet]);
    await house.ok(["start", "-n", "rooms", "-i", "1", "--sticky", "header:X-Room,ip", puppet]);
    await house.ok(["start", "-n", "plain", "-i", "1", puppet]);
    const { stdout } = await house.ok(["list", "-o", "json"]);
    const { apps } = JSON.parse(stdout).data as { apps: { name: string; sticky: unknown }[] };
    expect(Object.fromEntries(apps.map(({ name, sticky }) => [name, sticky]))).toEqual({
      web: ["socket.io", "cookie"],
      rooms: ["header:x-room", "ip"],
      plain: null,
    });
    expect((await house.ok(["status", "web"])).stdout).toContain("sticky    socket.io, cookie\n");
    expect((await house.ok(["status", "plain"])).stdout).not.toContain("sticky");
  });
});
