import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BusFrameReader } from "../../src/link/bus-frame-reader.ts";
import {
  BUS,
  type BusFrame,
  encodeBusFrame,
  type Head,
  type OutgoingFrame,
  packHead,
} from "../../src/link/bus-frames.ts";
import { FrameError } from "../../src/link/frames.ts";

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const frame = fc.record({
  kind: fc.integer({ min: 0, max: 255 }),
  format: fc.integer({ min: 0, max: 255 }),
  id: u32,
  to: u32,
  subject: fc.oneof(
    fc.constantFrom("", "orders.created", "orders.deleted"),
    fc
      .array(fc.integer({ min: 0, max: 0x7f }), { maxLength: 255 })
      .map((codes) => String.fromCharCode(...codes)),
  ),
  head: fc.option(
    fc.dictionary(
      fc.string().filter((key) => key !== "__proto__"),
      fc.jsonValue(),
    ),
  ),
  body: fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    fc.string({ unit: "binary", maxLength: 100 }),
    fc.string({ maxLength: 100 }),
  ),
});

/** What a frame reads as: its head as JSON leaves it, its body a copy. */
function plain({ body, head, ...rest }: OutgoingFrame | BusFrame) {
  return { ...rest, head: JSON.parse(JSON.stringify(head)), body: Buffer.from(body as Buffer) };
}

function publish(given: Partial<OutgoingFrame> = {}): OutgoingFrame {
  const body = Buffer.from("body");
  return { kind: BUS.publish, format: 1, id: 0, to: 0, subject: "a.b", head: null, body, ...given };
}

/** A publish with head and body, spoilt in one place. */
function spoilt(spoil: (bytes: Buffer) => void): Buffer {
  const bytes = encodeBusFrame(publish({ head: { k: 1 } }));
  spoil(bytes);
  return bytes;
}

describe("the bus's frames", () => {
  it("come out as they went in, however the stream is cut", () => {
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1 }),
        (frames, cuts) => {
          const encoded = frames.map((each) => encodeBusFrame(each));
          const bytes = Buffer.concat(encoded);
          const reader = new BusFrameReader();
          const got: BusFrame[] = [];
          for (let at = 0, n = 0; at < bytes.length; n += 1) {
            const size = cuts[n % cuts.length] ?? 1;
            got.push(...reader.push(bytes.subarray(at, at + size)));
            at += size;
          }
          expect(got.map(plain)).toEqual(
            frames.map((each, n) => ({ ...plain(each), bytes: encoded[n]?.length })),
          );
          expect(reader.heldBytes).toBe(0);
        },
      ),
    );
  });

  it("come out as they went in when cut in two at every byte", () => {
    const frames = [publish({ head: { a: "ä" } }), publish({ body: Buffer.alloc(0) }), publish()];
    const bytes = Buffer.concat(frames.map((each) => encodeBusFrame(each)));
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const reader = new BusFrameReader();
      const got = [...reader.push(bytes.subarray(0, cut)), ...reader.push(bytes.subarray(cut))];
      expect(got.map(({ bytes: _, ...rest }) => plain(rest))).toEqual(frames.map(plain));
    }
  });

  it("stand on the wire as the protocol says", () => {
    const given = publish({ id: 7, to: 9, head: { k: 1 }, body: Buffer.from("xyz") });
    expect(encodeBusFrame(given).toString("latin1")).toBe(
      '\0\0\0\x1d\x05\x01\0\0\0\x07\0\0\0\x09\0\x03\0\0\0\x07a.b{"k":1}xyz',
    );
    expect(encodeBusFrame({ ...given, head: packHead({ k: 1 }) })).toEqual(encodeBusFrame(given));
  });

  it("have their own subject each, however many there are", () => {
    const reader = new BusFrameReader();
    const subjects = Array.from({ length: 2000 }, (_, n) => `orders.${1000 + (n % 1000)}`);
    const chunk = Buffer.concat(subjects.map((subject) => encodeBusFrame(publish({ subject }))));
    expect(reader.push(chunk).map(({ subject }) => subject)).toEqual(subjects);
  });

  it("have bodies that are views of the chunk, and a head only where there is one", () => {
    const chunk = Buffer.concat([encodeBusFrame(publish()), encodeBusFrame(publish({ head: {} }))]);
    const [first, second] = new BusFrameReader().push(chunk);
    expect(first?.head).toBeNull();
    expect(second?.head).toEqual({});
    for (const got of [first, second]) expect(got?.body.buffer).toBe(chunk.buffer);
  });

  it.each([
    ["bytes where", spoilt((bytes) => bytes.writeUInt32BE(0xffff_ffff, 0))],
    ["too few", spoilt((bytes) => bytes.writeUInt32BE(15, 0))],
    ["longer than their frame", spoilt((bytes) => bytes.writeUInt32BE(12, 16))],
    ["longer than their frame", spoilt((bytes) => bytes.writeUInt32BE(0xffff_ffff, 16))],
    ["longer than their frame", spoilt((bytes) => bytes.writeUInt16BE(200, 14))],
    ["a subject of 256 bytes", spoilt((bytes) => bytes.writeUInt16BE(256, 14))],
    ["not ASCII", spoilt((bytes) => bytes.writeUInt8(0x80, 21))],
    ["no JSON", spoilt((bytes) => bytes.writeUInt8(0x7d, 23))],
    ["no object", encodeBusFrame(publish({ head: Buffer.from("[1]") }))],
    ["no object", encodeBusFrame(publish({ head: Buffer.from("null") }))],
    ["no object", encodeBusFrame(publish({ head: Buffer.from("7") }))],
  ])("that cannot be read are refused with the reason: %s", (reason, bytes) => {
    expect(() => new BusFrameReader().push(bytes)).toThrow(FrameError);
    expect(() => new BusFrameReader().push(bytes)).toThrow(reason);
    const reader = new BusFrameReader();
    expect(() => {
      for (const byte of bytes) reader.push(Buffer.from([byte]));
    }).toThrow(reason);
  });

  it("that cannot be sent are refused with the reason", () => {
    expect(() => encodeBusFrame(publish({ subject: "é" }))).toThrow("not ASCII");
    expect(() => encodeBusFrame(publish({ subject: "Ā" }))).toThrow("not ASCII");
    expect(() => encodeBusFrame(publish({ subject: "x".repeat(256) }))).toThrow(FrameError);
  });

  it("that are too long are refused by their announcement, before their bytes are kept", () => {
    const longest = encodeBusFrame(publish()).length;
    expect(new BusFrameReader(longest).push(encodeBusFrame(publish()))).toHaveLength(1);
    const longer = encodeBusFrame(publish({ body: Buffer.from("bodyx") }));
    for (const cut of [4, 5, longer.length]) {
      const reader = new BusFrameReader(longest);
      expect(() => reader.push(longer.subarray(0, cut))).toThrow(`${longest} are the most`);
      expect(reader.heldBytes).toBe(0);
    }
  });

  it("cost no more memory than what has come of one", () => {
    const bytes = encodeBusFrame(publish({ body: Buffer.alloc(40_000, 1) }));
    const reader = new BusFrameReader();
    for (let at = 0; at < bytes.length; at += 1000) {
      reader.push(bytes.subarray(at, at + 1000));
      expect(reader.heldBytes).toBe(at + 1000 < bytes.length ? at + 1000 : 0);
    }
  });

  it("any bytes at all give frames or a FrameError, and are never kept beyond the longest", () => {
    const corrupt = fc
      .tuple(
        fc.array(frame, { minLength: 1, maxLength: 3 }),
        fc.nat(),
        fc.integer({ min: 0, max: 255 }),
      )
      .map(([frames, place, value]) => {
        const bytes = Buffer.concat(frames.map((each) => encodeBusFrame(each)));
        bytes[place % bytes.length] = value;
        return [bytes];
      });
    const noise = fc.array(fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)));
    fc.assert(
      fc.property(fc.oneof(noise, corrupt), fc.integer({ min: 1, max: 50 }), (chunks, size) => {
        const reader = new BusFrameReader(1000);
        const bytes = Buffer.concat(chunks);
        try {
          for (let at = 0; at < bytes.length; at += size) {
            for (const got of reader.push(bytes.subarray(at, at + size))) {
              expect(got.bytes).toBeLessThanOrEqual(1000);
            }
            expect(reader.heldBytes).toBeLessThan(1000);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(FrameError);
        }
      }),
    );
  });
});

describe("heads of messages", () => {
  const read = (reader: BusFrameReader, head: Head) =>
    reader.push(encodeBusFrame({ ...publish(), head }))[0]?.head;

  it("that come again are the same, and nobody can change what others are shown of them", () => {
    const reader = new BusFrameReader();
    const head = { headers: { trace: "a" }, from: { member: 1, name: null } };
    const first = read(reader, head);
    expect(first).toEqual(head);
    expect(read(reader, head)).toBe(first);
    expect(() => Object.assign(first?.from ?? {}, { member: 2 })).toThrow(TypeError);
  });

  it("that differ by any of their bytes are told apart", () => {
    const reader = new BusFrameReader();
    const text = "x".repeat(40);
    for (let n = 0; n < text.length; n += 1) {
      const trace = `${text.slice(0, n)}y${text.slice(n + 1)}`;
      expect(read(reader, { headers: { trace } })).toEqual({ headers: { trace } });
      expect(read(reader, { headers: { trace: text } })).toEqual({ headers: { trace: text } });
    }
  });
});
