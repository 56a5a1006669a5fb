import { formatRequest, type Http1Head, Http1Parser } from "../http1.ts";
import { describeError, type FailureKind, kindOfError } from "../ledger.ts";
import {
  DEFAULT_TIMEOUT_MS,
  type Load,
  type LoadOptions,
  openSocket,
  type Run,
  startClients,
} from "./run.ts";

export interface SseOptions extends LoadOptions {
  path?: string;
  headers?: Record<string, string>;
  /** Open the next stream when one ended; `true` unless told otherwise. */
  reconnect?: boolean;
}

/** What event-stream readers count beside their streams (which are the ledger's requests). */
export interface SseCounts {
  /** Being read at this moment. */
  open: number;
  opened: number;
  events: number;
  /** Streams that ended with their proper terminator, after a whole event. */
  endedCleanly: number;
  /** Streams cut, reset or ended within an event; each is a failure as well. */
  cut: number;
}

type End = { kind: "ok" | FailureKind; detail: string } | "left";

/**
 * Readers of `text/event-stream`. A stream is ok only if it ended as HTTP says a body ends; one that
 * is silent for `timeoutMs` is a hang. A stream this side leaves at the stop is in no account.
 */
export function startSseClients(options: SseOptions): Load<SseCounts> {
  const counts: SseCounts = { open: 0, opened: 0, events: 0, endedCleanly: 0, cut: 0 };
  return startClients("event streams", options, counts, async (run) => {
    do {
      const entry = run.ledger.begin();
      const end = await readStream(run, options, counts);
      if (end === "left") {
        entry.drop();
        return;
      }
      entry.end(end.kind, end.detail);
      if (end.kind === "ok") counts.endedCleanly += 1;
      else counts.cut += 1;
      await run.pause(20);
    } while (!run.stopping && options.reconnect !== false);
  });
}

function readStream(run: Run, options: SseOptions, counts: SseCounts): Promise<End> {
  const { path = "/sse", headers = {}, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const host = `${options.host ?? "127.0.0.1"}:${options.port}`;
  const socket = openSocket(options);
  return new Promise((resolve) => {
    const reader = new EventReader(counts);
    let over = false;
    const finish = (end: End): void => {
      if (over) return;
      over = true;
      run.signal.removeEventListener("abort", leave);
      clearTimeout(silence);
      if (reader.open) counts.open -= 1;
      socket.destroy();
      resolve(end);
    };
    const leave = () => finish("left");
    const silence = setTimeout(
      () => finish({ kind: "timeout", detail: `silent for ${timeoutMs} ms` }),
      timeoutMs,
    );
    const lost = (kind: FailureKind, detail: string) => finish(reader.cut(kind, detail));
    if (run.stopping) return leave();
    run.signal.addEventListener("abort", leave);

    const parser = new Http1Parser({
      onHead: (head) => reader.begin(head),
      onBody: (chunk) => reader.body(chunk),
      onResponse: ({ status }) => finish(reader.complete(status)),
    });
    socket.on("data", (chunk: Buffer) => {
      if (over) return;
      silence.refresh();
      try {
        parser.feed(chunk);
      } catch (error) {
        finish({ kind: "wrong", detail: describeError(error) });
      }
    });
    socket.on("end", () => {
      parser.finish();
      lost("reset", "closed by the server");
    });
    socket.on("error", (error) => lost(kindOfError(error), describeError(error)));
    socket.on("close", () => lost("reset", "closed"));
    socket.write(
      formatRequest({ path, host, headers: { Accept: "text/event-stream", ...headers } }),
    );
  });
}

/** Counts events and knows whether the last one is whole. */
class EventReader {
  readonly #counts: SseCounts;
  #tail = "";
  open = false;

  constructor(counts: SseCounts) {
    this.#counts = counts;
  }

  begin(head: Http1Head): void {
    if (head.status !== 200) return;
    this.open = true;
    this.#counts.open += 1;
    this.#counts.opened += 1;
  }

  body(chunk: Buffer): void {
    const events = (this.#tail + chunk.toString("latin1")).split("\n\n");
    this.#tail = events.pop() ?? "";
    this.#counts.events += events.length;
  }

  complete(status: number): End {
    if (status !== 200) return { kind: "wrong", detail: `status ${status}` };
    if (this.#tail !== "")
      return { kind: "truncated", detail: `ended within an event: ${this.#tail.slice(0, 40)}` };
    return { kind: "ok", detail: "" };
  }

  cut(kind: FailureKind, detail: string): End {
    if (!this.open) return { kind, detail: `${detail} before the stream began` };
    return {
      kind: kind === "reset" ? "truncated" : kind,
      detail: `${detail} without the end of the stream`,
    };
  }
}
