/** An app's time limits, and its own class of responses, hold for a forwarded request as they do bare. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { STICKY_COOKIE } from "../support/sticky/client.ts";
import { type Conversation, Stand } from "../support/sticky/stand.ts";
import { until } from "../support/until.ts";
import { head, last } from "./conversations.ts";

function standing(env: Readonly<Record<string, string>>): () => Stand {
  let stand: Stand;
  beforeAll(async () => {
    stand = await Stand.open({ app: "apps/limits.mjs", instances: 2, env });
  });
  afterAll(() => stand[Symbol.asyncDispose]());
  return () => stand;
}

async function same(stand: Stand, conversation: Conversation): Promise<void> {
  const { bare, held } = await stand.both(conversation);
  expect(held).toEqual(bare);
}

/** These answers, one after the other, and one more on the same connection. */
function answers(...paths: string[]): Conversation {
  return async (wire, talk) => {
    for (const path of paths) {
      wire.send(head(talk, `GET ${path}`));
      expect((await wire.response()).status).toBe(200);
    }
    await last(wire, talk);
  };
}

/** The connection is cut. */
function cut(path: string): Conversation {
  return async (wire, talk) => {
    wire.send(head(talk, `GET ${path}`));
    await wire.over();
  };
}

describe.concurrent("a server's timeout", () => {
  const stand = standing({ TIMEOUT_MS: "1000" });

  it.each(["/asks-for-longer", "/asks-for-none"])("that is short, and a request that %s", (path) =>
    same(stand(), answers(path)),
  );

  it.each(["/never", "/never-ends", "/late"])("cuts %s", (path) => same(stand(), cut(path)));

  it("cuts the second request, too", () =>
    same(stand(), async (wire, talk) => {
      await answers("/asks-for-longer")(wire, talk);
      await cut("/late")(wire, talk);
    }));

  it("cuts none of two pipelined requests that ask for longer", () =>
    same(stand(), async (wire, talk) => {
      wire.send(head(talk, "GET /asks-for-longer").repeat(2));
      await wire.text("late", 2);
      await last(wire, talk);
    }));

  it("that the app answers itself", () => same(stand(), answers("/answers-when-late")));
});

describe("a request's timeout", () => {
  const stand = standing({ TIMEOUT_MS: "30000" });

  it("is not the next one's", () => same(stand(), answers("/asks-for-little", "/late")));
});

describe("a short keep-alive timeout", () => {
  const stand = standing({ KEEP_ALIVE_MS: "500" });

  it("ends a response that is shorter than its Content-Length", () => same(stand(), cut("/short")));

  it("does not end the connection between two workers while its client is busy elsewhere", async () => {
    const [owner, other] = [...stand().tags.values()];
    const wire = await stand().land("wrong");
    const at = async (tag: string | undefined): Promise<unknown> => {
      const fields = ["Host: example.test", `Cookie: ${STICKY_COOKIE}=${tag}`];
      wire.send(`GET /socket HTTP/1.1\r\n${fields.join("\r\n")}\r\n\r\n`);
      return JSON.parse((await wire.response()).body.toString());
    };
    const first = await at(owner);
    const since = performance.now();
    await until(async () => (await at(other)) && performance.now() > since + 2500, {
      what: "a client that is busy elsewhere",
    });
    expect(await at(owner)).toEqual(first);
    wire.close();
  });
});

describe("a class of responses of the app's own", () => {
  const stand = standing({ OWN_CLASS: "1" });

  it("sets headers where it ends them", () => same(stand(), answers("/last")));

  it("changes what is written once", () => same(stand(), answers("/pieces")));
});
