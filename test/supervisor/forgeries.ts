/** Lines a worker must not be able to hurt anybody with. */

const node = (cmd: string, rest: object = {}): string => JSON.stringify({ cmd, ...rest });
const agent = (rest: object): string => node("NODE_HOLDFAST", rest);
const cluster = (rest: object): string => node("NODE_CLUSTER", rest);
const listen = (request: object): string => agent({ t: "listen", seq: 7, request });

/** No JSON, or JSON of unexpected kinds. */
export const ODD_LINES: readonly string[] = [
  ...["this is no JSON", "", "null", "5", "[]", '"text"', "\0\x01", "{".repeat(10_000)],
  ...['{"cmd":5}', '{"cmd":"NODE_"}', '{"cmd":"NODE_UNHEARD_OF"}'],
  '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}',
  '{"cmd":"NODE_HOLDFAST","t":"close","key":"__proto__","__proto__":{"t":"pass"}}',
];

/** Messages of Node's own that were never asked for. */
export const FORGED_NODE: readonly string[] = [
  ...["NODE_HANDLE_ACK", "NODE_HANDLE_NACK"].map((cmd) => node(cmd)),
  ...["NODE_SOCKET_NOTIFY_CLOSE", "NODE_SOCKET_GET_COUNT"].map((cmd) => node(cmd, { key: "x" })),
  ...[{}, { act: 5 }, { act: "online" }, { act: "listening" }, { act: "close", key: "x" }].map(
    cluster,
  ),
  cluster({ act: "exitedAfterDisconnect" }),
  ...[
    {},
    { addressType: 4, port: 80, address: "127.0.0.1" },
    { addressType: "udp4", port: "x", address: {} },
    { addressType: "udp4", port: 70_000, address: "nowhere" },
    { addressType: "udp6", port: -1, address: "::1", flags: 1e300 },
    { fd: "a" },
    { fd: -1 },
    { fd: 1.5 },
  ].map((query) => cluster({ act: "queryServer", seq: 1, ...query })),
  // The supervisor's own descriptors.
  ...Array.from({ length: 40 }, (_, fd) =>
    cluster({ act: "queryServer", seq: 1, addressType: 4, fd, index: fd }),
  ),
];

/** The agent's messages in wrong shapes. */
export const FORGED_AGENT: readonly string[] = [
  ...[{}, { t: 5 }, { t: "toString" }, { t: "listen" }, { t: "listen", seq: {}, request: null }],
  ...["listening", "close", "pass", "hand"].flatMap((t) => [
    { t },
    { t, key: {} },
    { t, key: "unknown" },
  ]),
  ...["accept", "refuse"].flatMap((t) => [{ t }, { t, offer: "x" }, { t, offer: -1 }]),
  ...[{}, { open: -1000, taken: -5 }, { open: "x", taken: {} }, { open: 1e300 }].map((load) => ({
    t: "load",
    ...load,
  })),
  ...[{ t: "limit" }, { t: "limit", reached: "maybe" }, { t: "released" }, { t: "ready" }],
  ...[null, {}, { toString: 1 }].flatMap((odd) => [
    { t: "probe", result: odd },
    { t: "uncaught", text: odd },
  ]),
].map(agent);

const stream = { addressType: 4, flags: 0, port: 1, address: null };
const file = { addressType: -1, flags: 0, port: -1 };

/** Addresses nobody can listen on, and some that no app would ask for. */
export const FORGED_LISTEN: readonly string[] = [
  {},
  { key: 5 },
  { key: "a", ...stream, address: "nowhere" },
  { key: "b", ...stream, port: 1e15, flags: 1e15 },
  { key: "c", ...stream, address: "192.0.2.1", addressType: 6 },
  { key: "d", ...file, address: "\0".repeat(200) },
  { key: "e", ...file, address: "/dev/null/below" },
  { key: "f", ...file, address: "x".repeat(100_000) },
  { key: "g", ...file, address: "/" },
  { key: "h", ...file, address: null },
  { key: "x".repeat(5000), ...stream },
].map(listen);

/** A handle is announced and none comes: Node in the worker itself does not survive the answer. */
export const FORGED_HANDLES: readonly string[] = [
  node("NODE_HANDLE"),
  node("NODE_HANDLE", { type: "net.Socket", msg: {} }),
  node("NODE_HANDLE", { type: "unheard of", msg: { cmd: "NODE_HOLDFAST", t: "pass", key: "x" } }),
];
