import { describe, expect, it } from "vitest";
import { Gatekeeper } from "../../src/supervisor/gatekeeper.ts";

/** Workers 1 to 3; the last one has not come back to its supervisor yet, and what is said to it fails at once. */
function stage() {
  const taken: number[] = [];
  const offers: { readonly worker: number; readonly id: number }[] = [];
  const gatekeeper: Gatekeeper = new Gatekeeper({
    listens: () => true,
    tell: () => {},
    offer: (worker, id) => void offers.push({ worker, id }),
    take(worker, _key, _connection, sent) {
      taken.push(worker);
      sent(worker !== 3);
    },
  });
  gatekeeper.accept([1, 2, 3]);
  gatekeeper.heard(1, 9, 0);
  gatekeeper.heard(2, 5, 0);
  return { gatekeeper, taken, offers };
}

describe("a connection that is passed on", () => {
  it("goes to the next one where the least loaded worker cannot be reached, and ends once", () => {
    const { gatekeeper, taken, offers } = stage();
    const ends: string[] = [];
    const connection = { fd: 7, close: () => void ends.push("closed") };
    gatekeeper.pass(1, "a", connection as never, undefined, () => void ends.push("given"));
    // Nobody wants it: then whoever has least is to have it.
    for (let n = 0; n < 2; n += 1) {
      const offer = offers[n];
      if (offer) gatekeeper.refused(offer.worker, offer.id);
    }
    expect(offers.map(({ worker }) => worker)).toEqual([3, 2]);
    expect(taken).toEqual([3, 2]);
    expect(ends).toEqual(["closed", "given"]);
    gatekeeper.close();
  });
});
