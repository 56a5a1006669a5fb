/** A namespace with an adapter and sockets that need no network, and a bus that gives back what was said when it is told to. */

import type { Adapter } from "socket.io-adapter";
import type { SessionNews } from "../../src/core/socket-io/session.ts";
import type { Entry } from "../../src/core/socket-io/terms.ts";
import { HoldfastAdapter } from "../../src/socket-io/adapter.ts";
import type { Asking } from "../../src/socket-io/asks.ts";
import type { Cluster } from "../../src/socket-io/cluster.ts";
import type { ActMeta } from "../../src/socket-io/local.ts";
import { Outflow } from "../../src/socket-io/outflow.ts";

type MakeAdapter = (nsp: never) => Adapter;

/** A namespace with sockets that write down what they are sent. */
export class BareNamespace {
  readonly sockets = new Map<string, object>();
  readonly sent = new Map<string, string[]>();
  readonly adapter: Adapter;

  constructor(make: MakeAdapter, opts: object = {}) {
    const encode = ({ data }: { data: unknown }) => [JSON.stringify(data)];
    const server = { encoder: { encode }, opts };
    this.adapter = make({ name: "/", sockets: this.sockets, server, _ids: 0 } as never);
  }

  come(sid: string): void {
    const sent: string[] = [];
    this.sent.set(sid, sent);
    this.sockets.set(sid, {
      ...{ id: sid, pid: sid, acks: new Map(), recovered: false },
      client: { writeToEngine: ([text]: string[]) => sent.push(text as string) },
      join: (rooms: string[]) => this.join(sid, rooms),
      leave: (room: string) => this.adapter.del(sid, room),
      disconnect: () => this.end(sid),
    });
    this.adapter.addAll(sid, new Set([sid]));
  }

  join(sid: string, rooms: string[]): void {
    if (this.sockets.has(sid)) this.adapter.addAll(sid, new Set(rooms));
  }

  end(sid: string): void {
    this.adapter.delAll(sid);
    this.sockets.delete(sid);
  }

  rooms(): unknown {
    return [...this.adapter.sids].map(([sid, rooms]) => [sid, [...rooms].sort()]).sort();
  }
}

/** What this process has said comes back when the test says so. */
export class HeldBus {
  readonly faults: string[] = [];
  readonly news: SessionNews[] = [];
  adapter: HoldfastAdapter | null = null;
  readonly outflow = new Outflow({
    ...{ me: "a", publish: async () => {}, refused: () => false, dropped: () => {} },
    deliver: (entry) => this.give(entry),
  });
  #said = 0;
  #heard = 0;

  get waiting(): number {
    return this.#said - this.#heard;
  }

  constructor() {
    this.outflow.open();
  }

  give(entry: Entry): void {
    const { kind, meta } = entry;
    if (kind === "join" || kind === "leave" || kind === "disconnect") {
      this.adapter?.act(kind, meta as ActMeta);
    } else if (kind !== "ask") this.adapter?.deliver(entry, () => "");
  }

  hear(): void {
    if (this.waiting === 0) return;
    this.#heard += 1;
    this.outflow.heard(this.#heard);
  }

  hearAll(): void {
    while (this.waiting > 0) this.hear();
  }

  make(nsp: never, others: readonly string[] = []): HoldfastAdapter {
    const say = (kind: string, meta: unknown, body = new Uint8Array(), isEarly = false): number => {
      if (kind === "sessions") return this.news.push(...(meta as SessionNews[]));
      this.#said = this.outflow.next;
      this.outflow.say(kind, meta, body, isEarly);
      return this.#said;
    };
    const begin = ({ members, ended }: Asking): number => {
      if ([...members].length === 0) ended([]);
      return 1;
    };
    this.adapter = new HoldfastAdapter(nsp, {
      ...{ me: "a", add: () => {}, remove: async () => {}, say, positions: new Map(), others },
      ...{ ledger: { offset: () => "" }, terms: { requestTimeoutMs: 1000 } },
      inTurn: (run: () => void, waits: () => void) => this.outflow.inTurn(run, waits),
      ask: () => say("ask", {}),
      asks: { begin },
      faults: { tell: (_what: string, error: Error) => void this.faults.push(error.message) },
    } as unknown as Cluster);
    return this.adapter;
  }
}
