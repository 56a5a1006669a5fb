import { describeError, type FailureKind, kindOfError } from "../ledger.ts";
import {
  DEFAULT_TIMEOUT_MS,
  type Load,
  type LoadOptions,
  openSocket,
  startClients,
  think,
} from "./run.ts";

export interface RawOptions extends LoadOptions {
  /** Lines sent, one after the other's echo, before the client ends the conversation. */
  lines?: number;
  /** What the answer to `line` must be; the same line unless given. */
  expectLine?: (line: string) => string;
}

export interface RawCounts {
  connections: number;
  echoes: number;
}

type Outcome = { kind: "ok" | FailureKind; detail: string };

/** Conversations on plain TCP (or TLS): connect, send a line, expect it back, end. Each is one request. */
export function startRawLoad(options: RawOptions): Load<RawCounts> {
  const counts: RawCounts = { connections: 0, echoes: 0 };
  return startClients("raw conversations", options, counts, async (run) => {
    while (!run.stopping) {
      const entry = run.ledger.begin();
      counts.connections += 1;
      const lines = Array.from({ length: options.lines ?? 1 }, () => `line ${run.next()}`);
      const { kind, detail } = await converse(lines, options, counts);
      entry.end(kind, detail);
      await think(run, kind !== "ok", options);
    }
  });
}

function converse(lines: string[], options: RawOptions, counts: RawCounts): Promise<Outcome> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS, expectLine = (line: string) => line } = options;
  return new Promise((resolve) => {
    const socket = openSocket(options);
    const queue = [...lines];
    let heard = "";
    let complete = false;
    const timer = setTimeout(
      () => finish("timeout", `no complete echo in ${timeoutMs} ms`),
      timeoutMs,
    );
    const finish = (kind: Outcome["kind"], detail = ""): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ kind, detail });
    };
    const cut = (kind: FailureKind, how: string): void => {
      if (complete && kind === "reset") return finish("ok");
      if (kind === "reset" && heard !== "") return finish("truncated", `${how} within a line`);
      finish(kind, `${how} with ${queue.length} of ${lines.length} lines unanswered`);
    };
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => {
      heard += text;
      const end = heard.indexOf("\n");
      if (end < 0) return;
      const [answer, line] = [heard.slice(0, end), queue.shift()];
      heard = heard.slice(end + 1);
      if (line === undefined || answer !== expectLine(line))
        return finish("wrong", `answer ${JSON.stringify(answer)}`);
      if (heard !== "")
        return finish("wrong", `more than the answer: ${JSON.stringify(heard.slice(0, 60))}`);
      counts.echoes += 1;
      if (queue.length > 0) return void socket.write(`${queue[0]}\n`);
      complete = true;
      socket.end();
    });
    socket.on("end", () => cut("reset", "closed by the server"));
    socket.on("error", (error) => cut(kindOfError(error), describeError(error)));
    socket.on("close", () => cut("reset", "closed"));
    socket.write(`${lines[0]}\n`);
  });
}
