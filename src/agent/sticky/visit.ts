/** What sticky routing remembers of a client's connection. */

import type { Table } from "../../core/affinity.ts";
import { connectionOf } from "../connection.ts";
import type { PeerConnection } from "./peer-connection.ts";

/** Of a socket handed over: `here`: its next request has been routed; `back`: it could not be handed over. */
export type Arrival = "here" | "back";

export class Visit {
  /** The tag of the worker that holds the client's connection, if it is not this one. */
  from: string | undefined = undefined;
  arrival: Arrival | undefined = undefined;
  /** The Cookie header that was this worker's own, and the table by which it was. */
  home: string | undefined = undefined;
  homeTable: Table | undefined = undefined;
  /** Connections to other workers, by their tag. */
  peers: Map<string, PeerConnection[]> | null = null;
}

export function visitOf(socket: object): Visit {
  const connection = connectionOf(socket);
  connection.visit ??= new Visit();
  return connection.visit;
}

/** The tag of the worker that holds the client's connection, if it is not this one. */
export function peerOf(socket: object): string | undefined {
  return connectionOf(socket).visit?.from;
}

/** How it arrived, the first time it is asked. */
export function arrivalOf(socket: object): Arrival | undefined {
  const { visit } = connectionOf(socket);
  const found = visit?.arrival;
  if (visit && found !== undefined) visit.arrival = undefined;
  return found;
}
