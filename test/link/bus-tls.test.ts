/** What the dialling end makes of how TLS fails. */

import { once } from "node:events";
import type net from "node:net";
import { createServer, type TlsOptions } from "node:tls";
import { describe, expect, it } from "vitest";
import type { BusRefusal } from "../../src/link/bus-refusal.ts";
import { alertIn, tlsAddress } from "../../src/link/bus-tls.ts";

const KEY = Buffer.alloc(32, 7);

describe("the alert in an error", () => {
  const said = (code: string, text: string): Error =>
    new Error(
      `800C2F:error:${code}:SSL routines:ssl3_read_bytes:${text}:../ssl/rec_layer_s3.c:918:`,
    );

  it("is found whatever the version of OpenSSL calls it", () => {
    expect(alertIn(said("0A0003FC", "sslv3 alert bad record mac"))).toBe(20);
    expect(alertIn(said("0A0003FC", "ssl/tls alert bad record mac"))).toBe(20);
    expect(alertIn(said("0A00045C", "tlsv13 alert certificate required"))).toBe(116);
    const written = "write EPROTO 80DC:error:0A000410:SSL routines:ssl3_read_bytes:alert";
    expect(alertIn(new Error(written))).toBe(40);
  });

  it("is none in what went wrong here, or elsewhere", () => {
    expect(alertIn(said("0A00010B", "wrong version number"))).toBe(null);
    expect(alertIn(said("0A000119", "decryption failed or bad record mac"))).toBe(null);
    expect(alertIn(new Error("read ECONNRESET"))).toBe(null);
    expect(alertIn(new Error("error:0A0003FC:"))).toBe(null);
  });
});

/** How a supervisor with these options refuses a client of this identity and key; null: by no word. */
async function refusalOf(options: TlsOptions, identity: string, key: Buffer) {
  const server = createServer(
    {
      ciphers: "TLS_AES_128_GCM_SHA256:ECDHE-PSK-CHACHA20-POLY1305",
      pskCallback: (_socket, claimed) => (claimed === "shop" ? KEY : null),
      ...options,
    },
    (socket) => socket.on("error", () => {}),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    const { port } = server.address() as net.AddressInfo;
    const address = tlsAddress("127.0.0.1", port, { psk: { identity, key } });
    const socket = address.connect();
    const ended = await new Promise<Error | "secured">((resolve) => {
      socket.once("error", resolve).once("secureConnect", () => resolve("secured"));
    });
    socket.destroy();
    if (ended === "secured") return ended;
    return address.refusal?.(ended, socket) ?? null;
  } finally {
    server.close();
  }
}

describe("a key", () => {
  for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    it(`that is right, wrong, or of nobody is known as that in ${maxVersion}`, async () => {
      expect(await refusalOf({ maxVersion }, "shop", KEY)).toBe("secured");
      const wrong = (await refusalOf({ maxVersion }, "shop", Buffer.alloc(32, 8))) as BusRefusal;
      expect(wrong.message).toMatch(/^the key is not the one .* \(TLS alert (20|47|51)\)$/);
      const nobody = (await refusalOf({ maxVersion }, "nobody", KEY)) as BusRefusal;
      expect(nobody.message).toMatch(/TLS alert (40|115)\)$/);
    });
  }

  it("rests after a refusal for about a minute: an alert proves nothing", () => {
    expect(tlsAddress("a", 1, { psk: { identity: "shop", key: KEY } }).restMs).toBe(60_000);
  });

  it("is refused where nothing that a server has is good enough", async () => {
    const weak = { ciphers: "PSK-AES128-CBC-SHA@SECLEVEL=0", maxVersion: "TLSv1.2" } as const;
    const refused = (await refusalOf(weak, "shop", KEY)) as BusRefusal;
    expect(refused.message).toMatch(/TLS alert 40\)$/);
  });
});
