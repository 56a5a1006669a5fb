/** Conversations in HTTP/1.1 whose every byte must be the same whether a request was forwarded or not. */

import type { Conversation, Talk } from "../support/sticky/stand.ts";
import type { Wire } from "../support/sticky/wire.ts";

/** A request's head; `fields` as they stand on the wire. */
export function head(
  { cookie, id }: Talk,
  line: string,
  fields: readonly string[] = [],
  version = "1.1",
): string {
  const lines = [
    `${line} HTTP/${version}`,
    "Host: example.test",
    `Cookie: ${cookie}`,
    `X-Id: ${id}`,
  ];
  return `${[...lines, ...fields].join("\r\n")}\r\n\r\n`;
}

/** One more request on the same connection, to see that it is still good. */
export async function last(wire: Wire, talk: Talk): Promise<void> {
  wire.send(head(talk, "GET /last"));
  await wire.response();
}

function get(path: string, ...fields: string[]): Conversation {
  return async (wire, talk) => {
    wire.send(head(talk, `GET ${path}`, fields));
    await wire.response();
    await last(wire, talk);
    await talk.told(2);
  };
}

/** The same, where the connection ends behind the answer. */
function getOnce(line: string, fields: readonly string[] = [], version = "1.1"): Conversation {
  return async (wire, talk) => {
    wire.send(head(talk, line, fields, version));
    await wire.over();
    await talk.told(1);
  };
}

function bodiless(line: string): Conversation {
  return async (wire, talk) => {
    wire.send(head(talk, line));
    await wire.text("\r\n\r\n");
    await last(wire, talk);
    await talk.told(2);
  };
}

function post(path: string, body: string, ...fields: string[]): Conversation {
  return async (wire, talk) => {
    wire.send(head(talk, `POST ${path}`, [`Content-Length: ${body.length}`, ...fields]) + body);
    await wire.response();
    await last(wire, talk);
    await talk.told(2);
  };
}

function chunked(path: string, chunks: readonly string[], trailers = ""): Conversation {
  const body = chunks.map((chunk) => `${chunk.length.toString(16)};ext=1\r\n${chunk}\r\n`).join("");
  return async (wire, talk) => {
    wire.send(head(talk, `POST ${path}`, ["Transfer-Encoding: chunked"]));
    wire.send(`${body}0\r\n${trailers}\r\n`);
    await wire.response();
    await last(wire, talk);
    await talk.told(2);
  };
}

/** It sends nothing more, and waits for what it is answered. */
function halfClosed(request: (talk: Talk) => string): Conversation {
  return async (wire, talk) => {
    wire.socket.end(request(talk), "latin1");
    await wire.over();
    await talk.told(1);
  };
}

const ODD_FIELDS = [
  ...["X-Twice: 1", "x-twice: 2", "X-TWICE:    3   ", "Accept: a", "accept: b", "X-Empty:"],
  ...["x-latin: caf\xe9", "Connection: keep-alive, X-Hop", "X-Hop: for this hop", "TE: trailers"],
  ...["X-Forwarded-For: 203.0.113.9", "Forwarded: for=203.0.113.9", "Keep-Alive: timeout=7"],
];

export const CONVERSATIONS: { readonly [name: string]: Conversation } = {
  "GET with a length": get("/plain?length=1&bytes=100"),
  "GET in chunks": get("/plain?chunks=1&bytes=100"),
  "GET of nothing": get("/plain?bytes=0"),
  "GET of 300 kB": get("/plain?bytes=300000&chunks=1"),
  "GET of what is not there": get("/nowhere"),
  "GET with a fault of the app's": get("/plain?status=503"),
  "GET of an odd target": get("/plain?%00%zz=//../;a=b&x=%F0%9F%92%A9&&="),
  "HEAD with a length": bodiless("HEAD /plain?length=1&bytes=100"),
  "HEAD in chunks": bodiless("HEAD /plain?chunks=1"),
  "204": get("/plain?status=204&bytes=0"),
  "304": get("/plain?status=304&bytes=0"),
  OPTIONS: async (wire, talk) => {
    wire.send(head(talk, "OPTIONS /plain?bytes=0&length=1"));
    await wire.response();
    await last(wire, talk);
    await talk.told(2);
  },
  "a method of its own": async (wire, talk) => {
    wire.send(head(talk, "PROPFIND /plain"));
    await wire.response();
    await last(wire, talk);
    await talk.told(2);
  },
  "headers that are odd, both ways": get("/odd", ...ODD_FIELDS),
  "no date": get("/undated"),
  "HTTP/1.0": getOnce("GET /plain?chunks=1&bytes=100", [], "1.0"),
  "HTTP/1.0 with a length": getOnce("GET /plain?length=1", [], "1.0"),
  "HTTP/1.0, kept": async (wire, talk) => {
    wire.send(head(talk, "GET /plain?length=1", ["Connection: keep-alive"], "1.0"));
    await wire.response();
    await last(wire, talk);
    await talk.told(2);
  },
  "Connection: close of the client": getOnce("GET /plain?bytes=50", ["Connection: close"]),
  "Connection: close of the app": getOnce("GET /plain?close=1&length=1"),
  "early hints and processing": get("/hints"),
  "trailers of the app": get("/trailers"),
  "trailers of the client": chunked("/upload", ["ab", "cde"], "X-Sum: 5\r\nx-ODD: y\r\n"),
  "trailers both ways, as it comes": chunked("/duplex", ["one two three"], "X-A: b\r\n"),
  "a body of no byte": post("/upload", ""),
  "a body of one byte": post("/upload", "x"),
  "a body of 70 kB": post("/upload", "0123456789".repeat(7000)),
  "a body in chunks, empty": chunked("/upload", []),
  "a body in chunks of 70 kB": chunked("/upload", ["x".repeat(70_000), "y", "z".repeat(70_000)]),
  "a body with GET": async (wire, talk) => {
    wire.send(`${head(talk, "GET /upload", ["Content-Length: 4"])}body`);
    await wire.response();
    await last(wire, talk);
    await talk.told(2);
  },
  "a body that comes slowly": async (wire, talk) => {
    wire.send(head(talk, "POST /upload", ["Content-Length: 12"]));
    await wire.sendPieces("twelve bytes", 1);
    await wire.response();
    await last(wire, talk);
    await talk.told(2);
  },
  "Expect: 100-continue": async (wire, talk) => {
    wire.send(head(talk, "PUT /upload", ["Content-Length: 4", "Expect: 100-continue"]));
    await wire.text("100 Continue\r\n\r\n");
    wire.send("body");
    await wire.response();
    await last(wire, talk);
    await talk.told(2);
  },
  "a head in segments of one byte": async (wire, talk) => {
    await wire.sendPieces(head(talk, "GET /plain?bytes=20"), 1);
    await wire.response();
    await last(wire, talk);
    await talk.told(2);
  },
  "a head of 15 kB": get("/plain", `X-Long: ${"v".repeat(15_000)}`),
  "a head that is too long": async (wire, talk) => {
    wire.send(head(talk, "GET /plain", [`X-Long: ${"v".repeat(17_000)}`]));
    await wire.over();
  },
  "pipelined requests": async (wire, talk) => {
    const paths = ["/plain?bytes=3", "/plain?bytes=70000", "/odd", "/plain?bytes=1"];
    // None in chunks: where Node 26 cuts those of a response that waits for its turn depends on the waiting.
    wire.send(paths.map((path) => head(talk, `GET ${path}`)).join("") + head(talk, "GET /last"));
    await wire.text("the last word");
    await talk.told(5);
  },
  "pipelined requests with bodies": async (wire, talk) => {
    const one = `${head(talk, "POST /upload", ["Content-Length: 5"])}first`;
    const two = `${head(talk, "POST /upload", ["Transfer-Encoding: chunked"])}6\r\nsecond\r\n0\r\n\r\n`;
    wire.send(one + two + head(talk, "GET /last"));
    await wire.text("the last word");
    await talk.told(3);
  },
  "413 before the body is read": async (wire, talk) => {
    wire.send(head(talk, "POST /too-large", ["Content-Length: 200000"]));
    await wire.response();
    await wire.sendAll([Buffer.alloc(200_000, "x")]);
    await last(wire, talk);
    await talk.told(2);
  },
  "cut by the app in mid response": getOnce("GET /cut"),
  "cut by the app before a word": getOnce("GET /cut-at-once"),
  "an upload the client breaks off": async (wire, talk) => {
    wire.send(`${head(talk, "POST /duplex", ["Content-Length: 1000"])}only this`);
    await wire.text("only this");
    wire.socket.end();
    await wire.over();
    await talk.told(1);
  },
  "an upload in chunks the client resets": async (wire, talk) => {
    wire.send(`${head(talk, "POST /duplex", ["Transfer-Encoding: chunked"])}4\r\nbody\r\n`);
    await wire.text("body");
    wire.reset();
    await talk.told(1);
  },
  "a client that half-closes behind its request": halfClosed((talk) => head(talk, "GET /last")),
  "a client of HTTP/1.0 that half-closes": halfClosed((talk) =>
    head(talk, "GET /plain?bytes=100", [], "1.0"),
  ),
  "a client that half-closes behind a body": halfClosed(
    (talk) => `${head(talk, "POST /too-large", ["Content-Length: 4"])}body`,
  ),
  "a client that half-closes and is not answered whole": halfClosed((talk) =>
    head(talk, "GET /hang"),
  ),
  "a client that leaves in mid response": async (wire, talk) => {
    wire.send(head(talk, "GET /hang"));
    await wire.text("begun");
    wire.close();
    await talk.told(1);
  },
};

/** For an app that decides about Expect by itself. */
export const EXPECTATIONS: { readonly [name: string]: Conversation } = {
  "100-continue, accepted": CONVERSATIONS["Expect: 100-continue"] as Conversation,
  "100-continue, refused": async (wire, talk) => {
    wire.send(head(talk, "PUT /refuse", ["Content-Length: 400000", "Expect: 100-continue"]));
    await wire.response();
    await wire.over();
    await talk.told(1);
  },
  "another expectation": get("/plain", "Expect: the-unexpected"),
};
