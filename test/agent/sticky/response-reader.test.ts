/** The end of a response is found in its bytes, however they come. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  closing,
  isContinue,
  type ResponseHead,
  ResponseReader,
  withLine,
} from "../../../src/agent/sticky/response-reader.ts";

interface Heard {
  interim: string[];
  head: ResponseHead | null;
  body: string;
  ends: number;
}

function read(
  pieces: readonly Buffer[],
  request = { isHead: false, isOld: false },
): Heard & { reader: ResponseReader } {
  const heard: Heard = { interim: [], head: null, body: "", ends: 0 };
  const reader = new ResponseReader(request, {
    interim: (text) => heard.interim.push(text),
    head: (head) => {
      heard.head = head;
    },
    body: (bytes) => {
      heard.body += bytes.toString("latin1");
    },
    end: () => {
      heard.ends += 1;
    },
  });
  for (const piece of pieces) reader.read(piece);
  return { ...heard, reader, ...heard };
}

const bytes = (text: string): Buffer => Buffer.from(text, "latin1");
const OK = "HTTP/1.1 200 OK\r\n";

describe("a response", () => {
  it.each<[string, string, string, boolean]>([
    ["by length", `${OK}Content-Length: 3\r\n\r\nabc`, "abc", false],
    ["by length 0", `${OK}content-length: 0\r\n\r\n`, "", false],
    ["by chunks", `${OK}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`, "abc", false],
    [
      "by chunks with extensions and trailers",
      `${OK}Transfer-Encoding: chunked\r\n\r\nA;x=1\r\n0123456789\r\n0\r\nend: end\r\nX: y\r\n\r\n`,
      "0123456789",
      false,
    ],
    ["without a body, 204", "HTTP/1.1 204 No Content\r\n\r\n", "", false],
    ["without a body, 304", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "", false],
    ["that closes", `${OK}Content-Length: 1\r\nConnection: close\r\n\r\na`, "a", true],
    [
      "that closes, among others",
      `${OK}Connection: x, Close\r\nContent-Length: 0\r\n\r\n`,
      "",
      true,
    ],
  ])("%s is whole, however it is cut", (_what, text, body, isLast) => {
    for (let cut = 0; cut <= text.length; cut++) {
      const { head, ends, reader, ...heard } = read([
        bytes(text.slice(0, cut)),
        bytes(text.slice(cut)),
      ]);
      expect(head?.isLast).toBe(isLast);
      expect(heard.body.includes(body)).toBe(true);
      expect((head?.text ?? "") + heard.body).toBe(text);
      expect([ends, reader.isComplete]).toEqual([1, true]);
    }
  });

  it("to HEAD has no body, whatever it says", () => {
    const { head, ends } = read([bytes(`${OK}Content-Length: 7\r\n\r\n`)], {
      isHead: true,
      isOld: false,
    });
    expect([head?.status, ends]).toEqual([200, 1]);
  });

  it("without a length ends with its connection", () => {
    const { head, reader, ends, body } = read([bytes(`${OK}\r\nsome`), bytes(" more")]);
    expect([head?.isLast, ends, body, reader.isComplete]).toEqual([true, 0, "some more", false]);
    expect(reader.ended()).toBe(true);
    expect(reader.isComplete).toBe(true);
  });

  it("that breaks off is not whole", () => {
    for (const text of [
      `${OK}Content-Length: 3\r\n\r\nab`,
      `${OK}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`,
      `${OK}Content-Le`,
    ]) {
      const { reader } = read([bytes(text)]);
      expect(reader.ended()).toBe(false);
    }
  });

  it("to HTTP/1.0 is the last unless it says keep-alive", () => {
    const old = { isHead: false, isOld: true };
    expect(read([bytes(`${OK}Content-Length: 0\r\n\r\n`)], old).head?.isLast).toBe(true);
    const kept = `${OK}Connection: keep-alive\r\nContent-Length: 0\r\n\r\n`;
    expect(read([bytes(kept)], old).head?.isLast).toBe(false);
  });

  it("may have others before it", () => {
    const interim = "HTTP/1.1 100 Continue\r\n\r\n";
    const hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    const { head, ...heard } = read([bytes(`${interim}${hints}${OK}Content-Length: 0\r\n\r\n`)]);
    expect(heard.interim).toEqual([interim, hints]);
    expect(heard.interim.map(isContinue)).toEqual([true, false]);
    expect(head?.status).toBe(200);
  });

  it("of an app that writes by itself goes on as it comes", () => {
    const text = `${OK}Transfer-Encoding: chunked\r\n\r\nnonsense\r\nand more`;
    const { body, reader } = read([bytes(text)]);
    expect(body).toBe("nonsense\r\nand more");
    expect(reader.ended()).toBe(true);
  });

  it("never loses or makes up a byte, whatever comes in whatever pieces", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 200 }),
      fc
        .array(fc.string({ minLength: 1, maxLength: 20 }).map((t) => t.replace(/[^a-z]/g, "x")))
        .map(
          (chunks) =>
            `${OK}Transfer-Encoding: chunked\r\n\r\n${chunks
              .map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`)
              .join("")}0\r\n\r\n`,
        ),
    );
    fc.assert(
      fc.property(text, fc.array(fc.nat(200), { maxLength: 6 }), (whole, cuts) => {
        const all = Buffer.from(whole, "latin1");
        const at = [0, ...cuts.map((cut) => Math.min(cut, all.length)), all.length].sort(
          (a, b) => a - b,
        );
        const pieces = at.slice(1).map((end, index) => all.subarray(at[index], end));
        const { head, interim, body, ends } = read(pieces);
        const told = interim.join("") + (head?.text ?? "") + body;
        expect(all.toString("latin1").startsWith(told)).toBe(true);
        expect(ends).toBeLessThanOrEqual(1);
        if (whole.startsWith(OK)) expect([told, ends]).toEqual([whole, 1]);
      }),
    );
  });
});

describe("a head", () => {
  it("can be told to close its connection", () => {
    const text = `${OK}Connection: keep-alive\r\nX-A: b\r\nKeep-Alive: timeout=5\r\n\r\n`;
    expect(closing(text)).toBe(`${OK}X-A: b\r\nConnection: close\r\n\r\n`);
  });

  it("gets one more line", () => {
    expect(withLine(`${OK}X-A: b\r\n\r\n`, "Set-Cookie: a=b")).toBe(
      `${OK}X-A: b\r\nSet-Cookie: a=b\r\n\r\n`,
    );
  });
});
