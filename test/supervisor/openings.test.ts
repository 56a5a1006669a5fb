/** A worker that says itself that it is ready: whoever hears of it finds its port open. */

import { connect } from "node:net";
import type { Supervisor } from "holdfast";
import { describe, expect, it } from "vitest";
import { fixture } from "../support/holdfast.ts";
import { embed, puppet } from "./embedded.ts";

async function says(when: string) {
  const app = await puppet({
    script: fixture("apps/says-ready.mjs"),
    ready: "message",
    env: { SAYS_WHEN: when },
  });
  return { port: app.port, ...embed(app) };
}

/** What a connection comes to that is begun when the first worker is said to be ready. */
function atReady(supervisor: Supervisor, port: number): Promise<string> {
  return new Promise((resolve) => {
    supervisor.once("worker:ready", () => {
      const socket = connect(port, "127.0.0.1");
      socket.once("connect", () => resolve("connected"));
      socket.once("error", (error: NodeJS.ErrnoException) => resolve(String(error.code)));
      socket.once("connect", () => socket.destroy());
    });
  });
}

describe("a worker that says that it is ready", () => {
  for (const when of ["listening", "closing"]) {
    it(`is believed when its port answers, however busy it is (${when})`, async () => {
      const { supervisor, port } = await says(when);
      const met = atReady(supervisor, port);
      await supervisor.start();
      expect(await met).toBe("connected");
      expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("said");
    });
  }
});
