import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { House } from "../support/house.ts";
import { until } from "../support/until.ts";

describe("an app that connects to itself when it listens", () => {
  it("is answered in every worker, also at an address that it is the first to open", async () => {
    await using house = new House();
    const script = house.file(
      "self.mjs",
      `import { createServer } from "node:http";
       const { HOLDFAST_SLOT, OWN } = process.env;
       const isLate = HOLDFAST_SLOT === "2" && OWN;
       if (isLate) await new Promise((resolve) => setTimeout(resolve, 500));
       const server = createServer((_, answer) => answer.end("hello"));
       server.listen(0, isLate ? "0.0.0.0" : "127.0.0.1", async () => {
         const { port } = server.address();
         console.log((await fetch("http://127.0.0.1:" + port)).status);
       });`,
    );
    for (const app of ["shared", "own"]) {
      const env = app === "own" ? { OWN: "1" } : {};
      await house.ok(["start", script, "-n", app, "-i", "3"], { env });
      for (const slot of [0, 1, 2]) {
        const path = join(house.home, "logs", app, `${slot}-out.log`);
        await until(() => readFileSync(path, "utf8") === "200\n", { what: `an answer in ${path}` });
      }
    }
    expect((await house.overview()).apps.map(({ restarts }) => restarts)).toEqual([0, 0]);
  });
});
