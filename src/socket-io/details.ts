/** What other workers see of a socket. */

import type { ServerSocket } from "./namespace.ts";
import { pack } from "./wire.ts";

/** Data that cannot be told is null: it does not take other sockets along. */
export function detailsOf(socket: ServerSocket, unusable: (error: unknown) => void): unknown {
  const { id, handshake, rooms } = socket;
  // It may hold circles, and is nobody else's.
  const { sessionStore: _store, ...told } = handshake;
  return { id, handshake: told, rooms: [...rooms], data: dataOf(socket, unusable) };
}

function dataOf({ data }: ServerSocket, unusable: (error: unknown) => void): unknown {
  try {
    pack(data);
    return data;
  } catch (error) {
    unusable(error);
    return null;
  }
}
