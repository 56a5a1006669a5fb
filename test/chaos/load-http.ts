/** HTTP clients that know, of each request that fails, over which connection it went and who had answered there last. */

import { formatRequest, type Http1Response } from "../support/http1.ts";
import { Http1Connection, type Reply } from "../support/load/connection.ts";
import { type Load, type Run, startClients, think } from "../support/load/run.ts";
import type { Failed, Ledger } from "./ledger.ts";

/** One request, and what is done with its answer; `answered` gives what is wrong with it, or null. */
export interface Request {
  readonly path: string;
  readonly body?: object;
  readonly answered?: (response: Http1Response, at: number) => string | null;
}

export interface HttpOptions {
  readonly name: string;
  readonly port: number;
  readonly clients: number;
  readonly thinkMs: number;
  /** Many requests on a connection, or one. */
  readonly keepAlive: boolean;
  readonly request: (n: number) => Request;
}

/** Longer than a supervisor is stopped, and than the app waits for the bus. */
const TIMEOUT_MS = 15_000;
const NUMBER_HEADER = "x-request-n";
/** With this status the app says that the bus has failed, and how. */
const BUS_FAILED = 503;

/** Its own ledger holds only faults of the clients themselves; all else is in the one that is given. */
export function startHttpLoad(options: HttpOptions, ledger: Ledger): Load<null> {
  return startClients(options.name, options, null, async (run) => {
    let line: Line | null = null;
    while (!run.stopping) {
      if (!line?.connection.usable) {
        line?.end(ledger, options);
        line = new Line(options.port);
      }
      const isOk = await line.ask(run, options, ledger);
      if (!options.keepAlive) line = line.end(ledger, options);
      await think(run, !isOk, options);
    }
    line?.end(ledger, options);
  });
}

/** A connection and what is known of it. */
class Line {
  readonly connection: Http1Connection;
  readonly #openedAt = Date.now();
  #worker: number | null = null;

  constructor(port: number) {
    this.connection = new Http1Connection({ port });
  }

  async ask(run: Run, options: HttpOptions, ledger: Ledger): Promise<boolean> {
    const n = run.next();
    const { path, body, answered } = options.request(n);
    const from = Date.now();
    const began = performance.now();
    const text = formatRequest({
      ...{ path, host: `127.0.0.1:${options.port}` },
      headers: {
        [NUMBER_HEADER]: String(n),
        ...(options.keepAlive ? {} : { Connection: "close" }),
      },
      ...(body ? { method: "POST", body: JSON.stringify(body) } : {}),
    });
    const [reply] = await Promise.all(this.connection.send([text], TIMEOUT_MS));
    const to = Date.now();
    const fault = faultOf(reply as Reply, n, (response) => answered?.(response, to) ?? null);
    if (reply?.kind === "ok") this.#worker = Number(reply.response.headers.get("x-worker"));
    if (fault) ledger.failed.push({ load: options.name, ...fault, from, to, ...this.#peer() });
    // By a clock that only goes forward.
    else ledger.answered(options.name, to - (performance.now() - began), to);
    return fault === null;
  }

  end(ledger: Ledger, { name, keepAlive }: HttpOptions): null {
    const fault = this.connection.idleFault;
    const at = Date.now();
    // Who has had the whole answer to `Connection: close` does not mind how the connection ends.
    if (fault && (keepAlive || fault.kind === "wrong"))
      ledger.failed.push({ load: name, ...fault, from: this.#openedAt, to: at, ...this.#peer() });
    this.connection.close();
    return null;
  }

  #peer() {
    return { port: this.connection.port, openedAt: this.#openedAt, worker: this.#worker };
  }
}

function faultOf(
  reply: Reply,
  n: number,
  judged: (response: Http1Response) => string | null,
): Pick<Failed, "kind" | "detail"> | null {
  if (reply.kind !== "ok") return reply;
  const { status, headers, body } = reply.response;
  const echoed = headers.get(NUMBER_HEADER);
  if (echoed !== String(n)) return { kind: "wrong", detail: `answer to ${echoed}, not ${n}` };
  if (status === BUS_FAILED) return { kind: "bus", detail: body.toString() };
  if (status !== 200) return { kind: "wrong", detail: `status ${status}` };
  const detail = judged(reply.response);
  return detail === null ? null : { kind: "wrong", detail };
}
