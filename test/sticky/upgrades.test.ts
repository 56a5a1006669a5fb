/** A WebSocket is the same, byte by byte, whether its connection came to its worker or to another. */

import { deflateRawSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fdCount } from "../support/processes.ts";
import {
  BINARY,
  CLOSE,
  CONTINUATION,
  closeFrame,
  frame,
  PING,
  PONG,
  TEXT,
} from "../support/sticky/frames.ts";
import { type Conversation, Stand, type Talk } from "../support/sticky/stand.ts";
import { Wire } from "../support/sticky/wire.ts";
import { until } from "../support/until.ts";
import { head } from "./conversations.ts";

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const MANY = 64 * 1024 * 1024;

function handshake(talk: Talk, path = "/ws", fields: readonly string[] = []): string {
  const upgrade = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"];
  return head(talk, `GET ${path}`, [...upgrade, `Sec-WebSocket-Key: ${KEY}`, ...fields]);
}

/** Shakes hands, says this, and waits for all that comes until the socket's proper end. */
function says(words: (wire: Wire) => Promise<void>, fields: readonly string[] = []): Conversation {
  return async (wire, talk) => {
    wire.send(handshake(talk, "/ws", fields));
    await wire.text("\r\n\r\n");
    await words(wire);
    wire.send(closeFrame(1000, "bye"));
    await wire.over();
    await talk.closed();
  };
}

/** Answered in order: when this has come back, all before it has. */
async function allBack(wire: Wire, marker = "the marker"): Promise<void> {
  wire.send(frame(TEXT, marker));
  await wire.text(marker);
}

const compressed = (text: string): Buffer =>
  // A message ends without the empty block (RFC 7692, 7.2.1).
  deflateRawSync(text, { finishFlush: 2 }).subarray(0, -4);

const CONVERSATIONS: { readonly [name: string]: Conversation } = {
  "texts and binaries of many lengths": says(async (wire) => {
    for (const length of [0, 1, 125, 126, 127, 65_535, 65_536]) {
      wire.send(frame(TEXT, "t".repeat(length)));
      wire.send(frame(BINARY, Buffer.alloc(length, 0xff)));
    }
    await allBack(wire);
  }),
  "frames that arrive in pieces of one byte": says(async (wire) => {
    await wire.sendPieces(Buffer.concat([frame(TEXT, "slowly"), frame(PING, "p")]), 1);
    await allBack(wire);
  }),
  "control frames among the fragments of a message": says(async (wire) => {
    wire.send(frame(TEXT, "one ", { isFinal: false }));
    wire.send(frame(PING, "between"));
    wire.send(frame(CONTINUATION, "two ", { isFinal: false }));
    wire.send(frame(PONG, "unasked"));
    wire.send(frame(CONTINUATION, "three"));
    await allBack(wire);
  }),
  "a ping of the app's": says(async (wire) => {
    wire.send(frame(TEXT, "ping:"));
    await wire.text("are you there");
    wire.send(frame(PONG, "are you there"));
    await allBack(wire);
  }),
  "a subprotocol and another header": says(allBack, ["Sec-WebSocket-Protocol: v1, v2", "X-a: B"]),
  "permessage-deflate": says(
    async (wire) => {
      const text = "the same again and again ".repeat(200);
      wire.send(frame(TEXT, compressed(text), { isCompressed: true }));
      wire.send(frame(TEXT, "not compressed"));
      wire.send(frame(TEXT, compressed("short"), { isCompressed: true }));
      // The echoes come compressed: their number is told by the pongs between them.
      wire.send(frame(PING, "all is said"));
      await wire.text("all is said");
      wire.send(frame(TEXT, compressed("close:4000:done"), { isCompressed: true }));
      await wire.text("done");
    },
    ["Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover"],
  ),
  "words in the same segment as the handshake": async (wire, talk) => {
    const early = [frame(TEXT, "early"), frame(PING, "e"), frame(BINARY, Buffer.alloc(100_000, 7))];
    wire.send(Buffer.concat([Buffer.from(handshake(talk), "latin1"), ...early]));
    await wire.bytes(100_000);
    await allBack(wire);
    wire.send(closeFrame(1000));
    await wire.over();
    await talk.closed();
  },
  "an app that speaks first": async (wire, talk) => {
    wire.send(handshake(talk, "/greets"));
    await wire.text("at once");
    await allBack(wire);
    wire.send(closeFrame(1000));
    await wire.over();
    await talk.closed();
  },
  "a close code of the client's": async (wire, talk) => {
    wire.send(handshake(talk));
    await wire.text("\r\n\r\n");
    wire.send(closeFrame(4321, "a reason of its own"));
    await wire.over();
    await talk.closed();
  },
  "a close code of the app's": async (wire, talk) => {
    wire.send(handshake(talk));
    await wire.text("\r\n\r\n");
    wire.send(frame(TEXT, "close:4010:enough"));
    await wire.text("enough");
    wire.send(closeFrame(4010, "enough"));
    await wire.over();
    await talk.closed();
  },
  "a connection the app cuts": async (wire, talk) => {
    wire.send(handshake(talk));
    await wire.text("\r\n\r\n");
    wire.send(frame(TEXT, "terminate:"));
    await wire.over();
    await talk.closed();
  },
  "a connection the client ends without a word": async (wire, talk) => {
    wire.send(handshake(talk));
    await wire.text("\r\n\r\n");
    wire.socket.end();
    await wire.over();
    await talk.closed();
  },
  "a connection the client resets": async (wire, talk) => {
    wire.send(handshake(talk));
    await wire.text("\r\n\r\n");
    wire.reset();
    await talk.closed();
  },
  "a frame that breaks the protocol": async (wire, talk) => {
    wire.send(handshake(talk));
    await wire.text("\r\n\r\n");
    wire.send(frame(CLOSE + 3, "reserved"));
    await wire.over();
    await talk.closed();
  },
  "an upgrade the app refuses": async (wire, talk) => {
    wire.send(handshake(talk, "/no-ws"));
    await wire.over();
  },
  "an upgrade with a bad version": async (wire, talk) => {
    wire.send(handshake(talk).replace("Version: 13", "Version: 99"));
    await wire.over();
  },
  "an upgrade behind pipelined requests": async (wire, talk) => {
    wire.send(head(talk, "GET /plain") + head(talk, "GET /odd"));
    await wire.text("odd", 2);
    wire.send(handshake(talk));
    await wire.text("101 Switching Protocols");
    await allBack(wire);
    wire.send(closeFrame(1000));
    await wire.over();
    await talk.closed();
  },
};

// With HTTP/1.1 at a server of HTTP/2, too.
describe.each([null, "1", "h2"])("bare and under Holdfast, TLS: %s", (tls) => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await Stand.open({ env: tls ? { TLS: tls } : {} });
  });
  afterAll(() => stand[Symbol.asyncDispose]());

  describe.each(["wrong", "right"] as const)("on a connection to the %s worker", (landing) => {
    it.each(Object.entries(CONVERSATIONS))("%s", async (_name, conversation) => {
      const { bare, held } = await stand.both(conversation, landing);
      expect(held).toEqual(bare);
    });
  });

  it("a handshake in two segments, cut at every byte", async () => {
    let length = 0;
    for (let cut = 1; cut < (length || 2); cut += tls ? 7 : 1) {
      const { bare, held } = await stand.both(async (wire, talk) => {
        const bytes = handshake(talk) + frame(TEXT, "hello").toString("latin1");
        length = bytes.length;
        await wire.sendPieces(bytes.slice(0, cut), cut);
        await wire.sendPieces(bytes.slice(cut), length);
        await wire.text("hello");
        wire.send(closeFrame(1000));
        await wire.over();
        await talk.closed();
      });
      expect(held, `cut at ${cut}`).toEqual(bare);
    }
  });

  it("a message of 64 MB, there and back", async () => {
    const { bare, held } = await stand.both(async (wire, talk) => {
      wire.send(handshake(talk));
      await wire.text("\r\n\r\n");
      wire.send(frame(BINARY, Buffer.alloc(MANY, "0123456789abcdef")));
      await wire.bytes(MANY, 40_000);
      await allBack(wire);
      wire.send(closeFrame(1000));
      await wire.over();
      await talk.closed();
    });
    expect(held).toEqual(bare);
  });

  it("nothing is left of them: descriptors are as many as before", async () => {
    const pids = [...stand.tags.keys()];
    const before = new Map(pids.map((pid) => [pid, fdCount(pid)]));
    const open: Wire[] = [];
    for (let nth = 0; nth < 30; nth += 1) {
      const wire = await stand.land("wrong");
      open.push(wire);
      wire.send(
        handshake({
          cookie: stand.cookie,
          id: `f${nth}`,
          told: async () => [],
          closed: async () => {},
        }),
      );
      await wire.text("101 Switching");
    }
    for (const wire of open) wire.close();
    await until(() => pids.every((pid) => fdCount(pid) <= (before.get(pid) ?? 0) + 3), {
      what: "descriptors to be closed",
    });
  });
});

describe("first on its connection", () => {
  it("an upgrade reaches its worker every time", async () => {
    await using stand = await Stand.open();
    for (const [pid, tag] of [...stand.tags, ...stand.tags, ...stand.tags]) {
      for (let nth = 0; nth < 20; nth += 1) {
        const wire = await Wire.to(stand.held);
        const id = `first-${pid}-${nth}`;
        wire.send(
          handshake({
            cookie: `holdfast-app=${tag}`,
            id,
            told: async () => [],
            closed: async () => {},
          }),
        );
        await wire.text("101 Switching");
        await allBack(wire);
        wire.close();
        const told = (): string | undefined =>
          stand.held.run.stdout.find((line) => line.includes(`"id":"${id}"`));
        await until(told, { what: "the app to tell" });
        expect(JSON.parse((told() ?? "").slice(5)).pid).toBe(pid);
      }
    }
  });
});
