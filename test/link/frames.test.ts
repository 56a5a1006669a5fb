import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeFrame, FrameError, FrameReader } from "../../src/link/frames.ts";

const frame = fc.record({
  kind: fc.integer({ min: 0, max: 255 }),
  header: fc.dictionary(
    fc.string().filter((key) => key !== "__proto__"),
    fc.jsonValue(),
  ),
  body: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
});

describe("frames", () => {
  it("come out as they went in, however the stream is cut", () => {
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 97 }), { minLength: 1 }),
        (frames, cuts) => {
          const bytes = Buffer.concat(frames.map((f) => encodeFrame(f.kind, f.header, f.body)));
          const reader = new FrameReader();
          const got = [];
          for (let at = 0, n = 0; at < bytes.length; n += 1) {
            const size = cuts[n % cuts.length] ?? 1;
            got.push(...reader.push(bytes.subarray(at, at + size)));
            at += size;
          }
          expect(got.map((f) => ({ ...f, body: Buffer.from(f.body) }))).toEqual(
            frames.map((f) => ({ ...f, header: JSON.parse(JSON.stringify(f.header)) })),
          );
        },
      ),
    );
  });

  it("that claim to be endless, have no head or no object in it are refused", () => {
    const long = Buffer.alloc(9);
    long.writeUInt32BE(0xffff_ffff, 0);
    const headless = Buffer.alloc(9);
    const shifted = encodeFrame(1, {});
    shifted.writeUInt32BE(1000, 5);
    const text = Buffer.from([0, 0, 0, 6, 1, 0, 0, 0, 1, 0x31]);
    for (const bytes of [long, headless, shifted, text]) {
      expect(() => new FrameReader().push(bytes)).toThrow(FrameError);
    }
  });

  it("any bytes at all give frames or a FrameError", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), (chunks) => {
        const reader = new FrameReader(1000);
        try {
          for (const chunk of chunks) reader.push(Buffer.from(chunk));
        } catch (error) {
          expect(error).toBeInstanceOf(FrameError);
        }
      }),
    );
  });
});
