/** How long a process is waited for. */

import { describe, expect, it } from "vitest";
import { Vigil } from "../../../src/supervisor/adoption/vigil.ts";
import { until } from "../../support/until.ts";

function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

describe("a vigil", () => {
  it("does not count the time in which the supervisor itself stood still", async () => {
    const begun = performance.now();
    const late: number[] = [];
    const vigil = new Vigil({ isThere: () => true, gone: () => {} }, 200);
    vigil.begin(0, () => late.push(performance.now() - begun));
    standStill(400);
    await until(() => late.length > 0, { what: "that it is late" });
    vigil.end();
    expect(late[0]).toBeGreaterThan(450);
  });

  it("looks on when somebody is late, and tells it once", async () => {
    let looks = 0;
    let isThere = true;
    const told: string[] = [];
    const watched = {
      isThere() {
        looks += 1;
        return isThere;
      },
      gone: () => told.push("gone"),
    };
    new Vigil(watched, 20).begin(0, () => told.push("late"));
    await until(() => told.length > 0, { what: "that it is late" });
    const before = looks;
    await until(() => looks > before + 2, { what: "further looks" });
    isThere = false;
    await until(() => told.length > 1, { what: "that it is gone" });
    expect(told).toEqual(["late", "gone"]);
  });
});
