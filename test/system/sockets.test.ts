import { describe, expect, it } from "vitest";
import { listenersIn, unixSocketsIn } from "../../src/system/sockets.ts";

const HEAD =
  "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
const row = (local: string, state: string, inode: number) =>
  `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000  1000        0 ${inode} 1 0000000000000000 100 0 0 10 0`;
const table = (...rows: readonly string[]) => [[HEAD, ...rows, ""].join("\n")];

// Port 8080 is 1F90.
const LOOPBACK = row("0100007F:1F90", "0A", 11);
const ANY = row("00000000:1F90", "0A", 12);
const LOOPBACK6 = row("00000000000000000000000001000000:1F90", "0A", 13);
const ANY6 = row("00000000000000000000000000000000:1F90", "0A", 14);
const MAPPED = row("0000000000000000FFFF00000100007F:1F90", "0A", 15);
const OTHER = row("0200007F:1F90", "0A", 16);

describe("listenersIn", () => {
  it.each([
    ["127.0.0.1", LOOPBACK, true],
    ["127.0.0.1", ANY, true],
    ["127.0.0.1", ANY6, true],
    ["127.0.0.1", MAPPED, true],
    ["127.0.0.1", OTHER, false],
    ["127.0.0.1", LOOPBACK6, false],
    ["0.0.0.0", LOOPBACK, true],
    ["0.0.0.0", LOOPBACK6, false],
    ["::", LOOPBACK, true],
    ["::", LOOPBACK6, true],
    ["::1", LOOPBACK6, true],
    ["::1", ANY6, true],
    ["::1", ANY, false],
    ["::ffff:127.0.0.1", LOOPBACK, true],
    ["0:0:0:0:0:0:0:1", LOOPBACK6, true],
    ["fe80::1%eth0", LOOPBACK6, false],
    ["localhost", LOOPBACK6, true],
    [null, LOOPBACK, true],
    ["", ANY, true],
  ])("%s against %j: %j", (address, line, stands) => {
    expect(listenersIn(table(line), address, 8080, "LE")).toHaveLength(stands ? 1 : 0);
  });

  it("looks only at sockets that listen, on that port, with an inode", () => {
    const rows = [
      row("0100007F:1F90", "01", 21),
      row("0100007F:1F91", "0A", 22),
      row("0100007F:1F90", "0A", 0),
      "garbage",
    ];
    expect(listenersIn(table(...rows), null, 8080, "LE")).toEqual([]);
    expect(listenersIn([], null, 8080, "LE")).toEqual([]);
  });

  it("names the exact address before a wildcard", () => {
    expect(listenersIn(table(ANY, LOOPBACK), "127.0.0.1", 8080, "LE")).toEqual(["11", "12"]);
  });

  it("reads the words of a big-endian machine as they are", () => {
    const line = row("7F000001:1F90", "0A", 31);
    expect(listenersIn(table(line), "127.0.0.1", 8080, "BE")).toEqual(["31"]);
  });
});

describe("unixSocketsIn", () => {
  const unix = `Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000003 00000000 00000000 0001 03 41 /run/my app.sock
0000000000000000: 00000002 00000000 00010000 0001 01 42 /run/my app.sock
0000000000000000: 00000002 00000000 00010000 0001 01    43 /run/other.sock
0000000000000000: 00000002 00000000 00000000 0002 01 44
`;

  it("finds a path with blanks, the socket that listens first", () => {
    expect(unixSocketsIn(unix, "/run/my app.sock")).toEqual(["42", "41"]);
    expect(unixSocketsIn(unix, "/run/other.sock")).toEqual(["43"]);
  });

  it("finds nothing for another path", () => {
    expect(unixSocketsIn(unix, "/run/my")).toEqual([]);
    expect(unixSocketsIn(unix, "")).toEqual([]);
  });
});
