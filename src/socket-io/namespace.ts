/** What the adapter sees of Socket.IO's own objects. */

import type { BookSocket } from "./book.ts";

export interface Packet {
  type: number;
  data: unknown[];
  nsp?: string;
  id?: number;
}

export interface ServerSocket extends BookSocket {
  readonly recovered: boolean;
  readonly handshake: Record<string, unknown>;
  readonly rooms: Set<string>;
  readonly conn: { close(discard: boolean): void };
  packet(packet: Packet): void;
}

export interface Namespace {
  readonly name: string;
  readonly sockets: ReadonlyMap<string, ServerSocket>;
  /** Those that are not let in yet. */
  readonly _preConnectSockets?: ReadonlyMap<string, ServerSocket>;
  readonly server: {
    readonly opts: {
      readonly connectionStateRecovery?: { readonly maxDisconnectionDuration: number };
      readonly pingInterval?: number;
      readonly pingTimeout?: number;
    };
  };
  _onServerSideEmit(args: unknown[]): void;
}
