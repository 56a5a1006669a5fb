import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { expect, test } from "vitest";
import { freePort } from "./holdfast.ts";
import { Http1Parser, type Http1Response } from "./http1.ts";
import { createLedger, expectClean, percentile } from "./ledger.ts";
import { Output } from "./output.ts";
import {
  cpuTicks,
  descendants,
  expectNoLeftovers,
  fdCount,
  isAlive,
  leftovers,
  listenersOn,
  pssKb,
  state,
} from "./processes.ts";
import { until } from "./until.ts";

// skip: only Linux has /proc to ask about processes
const onLinux = test.runIf(process.platform === "linux");

function sleeper(marker: string) {
  const script = "require('child_process').spawn('sleep', ['1000']); setInterval(() => {}, 1000)";
  return spawn(process.execPath, ["-e", script], {
    env: { PATH: process.env.PATH, HOLDFAST_TEST_ID: marker },
    stdio: "ignore",
  });
}

onLinux(
  "leftovers finds a run's processes, and expectNoLeftovers names and kills them",
  async () => {
    const marker = `left-${process.pid}`;
    await expectNoLeftovers(marker);
    const child = sleeper(marker);
    await until(() => leftovers(marker).some((p) => p.command === "sleep 1000"), {
      what: "the grandchild",
    });
    expect(leftovers(marker)).toHaveLength(2);
    // A longer marker with the same beginning is another run's.
    expect(leftovers(marker.slice(0, -1))).toEqual([]);
    expect(descendants(process.pid).map((p) => p.pid)).toContain(child.pid);
    // The child's own death leaves the grandchild, which then belongs to somebody else.
    child.kill("SIGKILL");
    await expect(expectNoLeftovers(marker, 200)).rejects.toThrow(
      /\d+ \(parent \d+, \w\): sleep 1000/,
    );
    await expectNoLeftovers(marker);
  },
);

onLinux("what /proc says about one process", async () => {
  const child = spawn(process.execPath, ["-e", "for (;;);"], { stdio: "ignore" });
  const pid = child.pid ?? 0;
  const gone = once(child, "exit");
  await until(() => cpuTicks(pid) > 5, { what: "CPU time" });
  expect(pssKb(pid)).toBeGreaterThan(1_000);
  expect(fdCount(pid)).toBeGreaterThan(3);
  child.kill("SIGSTOP");
  await until(() => state(pid) === "T", { what: "the stop" });
  expect(isAlive(pid)).toBe(true);
  child.kill("SIGKILL");
  await gone;
  expect(isAlive(pid)).toBe(false);
  expect([state(pid), cpuTicks(pid), pssKb(pid), fdCount(pid)]).toEqual([undefined, 0, 0, 0]);
});

onLinux("listenersOn tells who listens", async () => {
  const port = await freePort();
  expect(listenersOn(port)).toEqual([]);
  const server = createServer().listen(port, "127.0.0.1");
  await once(server, "listening");
  expect(listenersOn(port)).toMatchObject([{ address: "0100007F", pids: [process.pid] }]);
  server.close();
});

test("until names what it waited for", async () => {
  await expect(until(() => false, { what: "rain", timeoutMs: 30 })).rejects.toThrow(
    "in vain for rain",
  );
  expect(await until(async () => "drops", { what: "rain" })).toBe("drops");
});

test("an output finds lines and records, and a failed wait shows everything", async () => {
  const record = JSON.stringify({ level: 30, msg: "ready", slot: 1 });
  const script = `console.log('worker line\\n${record}'); console.error('complaint'); process.stdout.write('no newline')`;
  const output = new Output(spawn(process.execPath, ["-e", script]), "a program");
  expect((await output.wait(() => output.findLine(/worker (l\w+)/), "a line"))[1]).toBe("line");
  expect(await output.wait(() => output.logs.find((r) => r.slot === 1), "a record")).toMatchObject({
    msg: "ready",
  });
  await expect(output.wait(() => output.findLine(/never/), "the impossible")).rejects.toThrow(
    /a program ended before it wrote the impossible \(exit code 0.*worker line.*no newline.*complaint/s,
  );
  expect(await output.exited).toEqual({ code: 0, signal: null });
});

test("a ledger books the first end of a request only", () => {
  const ledger = createLedger("three requests");
  const [first, second, third] = [ledger.begin(), ledger.begin(), ledger.begin()];
  expect(first.end("ok")).toBe(true);
  expect(first.end("reset")).toBe(false);
  second.end("reset", "cut");
  third.drop();
  expect([ledger.ok, ledger.failed, ledger.settled, ledger.pending]).toEqual([1, 1, 2, 0]);
  expect(() => expectClean(ledger)).toThrow(/three requests: 1 reset; 1 ok\n {2}1 x reset: cut/);
  expect(() => expectClean(ledger, { allow: { reset: 1 }, minOk: 2 })).toThrow("only 1 ok");
  expect(expectClean(ledger, { allow: { reset: 1 } }).ok).toBe(1);
  expect(percentile(ledger.summary(), 0.99)).toBeGreaterThanOrEqual(0);
});

test("a ledger refuses to call a request that never ended clean", () => {
  const ledger = createLedger("hanging");
  ledger.begin().end("ok");
  ledger.begin();
  expect(() => expectClean(ledger)).toThrow("1 not ended");
});

const CHUNKED =
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\n";
const LENGTH =
  "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nConnection: Keep-Alive, Close\r\n\r\nno";
const EMPTY = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n";

test("the parser reads the same responses however the bytes are split", () => {
  const bytes = Buffer.from(EMPTY + CHUNKED + LENGTH);
  for (let size = 1; size <= bytes.length; size++) {
    const responses: Http1Response[] = [];
    const parser = new Http1Parser({ onResponse: (response) => responses.push(response) });
    for (let at = 0; at < bytes.length; at += size) parser.feed(bytes.subarray(at, at + size));
    expect(responses.map(({ status, close, body }) => [status, close, body.toString()])).toEqual([
      [204, false, ""],
      [200, false, "abc0123456789"],
      [404, true, "no"],
    ]);
    expect(parser.finish()).toBe(true);
  }
});

test("the parser knows at every byte whether a response is incomplete", () => {
  for (const whole of [CHUNKED, LENGTH]) {
    for (let length = 1; length < whole.length; length++) {
      const parser = new Http1Parser({ onResponse: () => expect.unreachable() });
      parser.feed(Buffer.from(whole.slice(0, length)));
      expect(parser.finish(), `${length} bytes`).toBe(false);
    }
  }
});

test.each([
  "SSH-2.0-OpenSSH\r\n",
  "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
])("the parser rejects %j", (text) => {
  const parser = new Http1Parser({ onResponse: () => expect.unreachable() });
  expect(() => parser.feed(Buffer.from(text))).toThrow();
});
