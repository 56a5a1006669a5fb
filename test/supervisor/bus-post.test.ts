/** A fault of ours in one thing that is to be sent: it is told, and what else there is to do is done. */

import { describe, expect, it } from "vitest";
import { BusCounts } from "../../src/core/bus/counts.ts";
import { Exchange } from "../../src/core/bus/exchange.ts";
import type { BusLink } from "../../src/link/bus-link.ts";
import { Account } from "../../src/supervisor/bus/parcel.ts";
import { Post } from "../../src/supervisor/bus/post.ts";

describe("what the exchange decides", () => {
  it("is carried out where it can be, and throws nothing on the stack of who has caused it", () => {
    const bugs: unknown[] = [];
    const delivered: number[] = [];
    const post = new Post({
      ...{ exchange: new Exchange(), clients: new Map(), counts: new BusCounts() },
      deliver: (member) => {
        if (member === 1) throw new RangeError("too deep");
        delivered.push(member);
      },
      bug: (what, error) => bugs.push([what, String(error)]),
    });
    post.carryOut([1, 2].map((member) => ({ kind: "held", member, to: 0, payload: {} })));
    expect(delivered).toEqual([2]);
    expect(bugs).toEqual([['"held" for a member of the bus', "RangeError: too deep"]]);
  });
});

describe("a publisher's account", () => {
  it("is closed when publishing fails, and its credit given back", () => {
    let given = 0;
    const link = { worked: (bytes: number) => (given += bytes) } as unknown as BusLink;
    const account = new Account();
    const fail = () => {
      account.withhold()?.release();
      throw new Error("no");
    };
    expect(() => account.during(link, 70, fail)).toThrow("no");
    expect([given, account.withhold()]).toEqual([70, null]);
  });
});
