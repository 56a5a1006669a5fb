/** What peers say to each other beside their clients' bytes: lines of JSON, one connection for each direction. */

import net, { type Socket } from "node:net";
import { writePreamble } from "./preamble.ts";

/** More than any of them is long. */
const LINE_MAX = 4096;

export type PeerMessage =
  /** The socket that was handed over has come. */
  | { readonly t: "took"; readonly id: string }
  /** It has not been confirmed: it is to be closed should it still come. */
  | { readonly t: "void"; readonly id: string }
  /** The answer to that: it had come before, or it never will. */
  | { readonly t: "voided"; readonly id: string; readonly isTaken: boolean }
  /** This worker leaves: what streams through it is to end within so many milliseconds. */
  | { readonly t: "leaving"; readonly withinMs: number };

export interface Address {
  readonly tag: string;
  readonly path: string;
}

export class PeerLinks {
  readonly #self: string;
  readonly #heard: (from: string, message: PeerMessage) => void;
  readonly #links = new Map<string, Socket>();

  constructor(self: string, heard: (from: string, message: PeerMessage) => void) {
    this.#self = self;
    this.#heard = heard;
  }

  /** `lost` is called when it certainly has not arrived, or nobody can tell. */
  send({ tag, path }: Address, message: PeerMessage, lost: () => void = () => {}): void {
    const link = this.#links.get(tag) ?? this.#open(tag, path);
    link.write(`${JSON.stringify(message)}\n`, (error) => {
      if (error) lost();
    });
  }

  /** A peer has opened its link to here. */
  accept(from: string, socket: Socket, rest: Buffer): void {
    let line = "";
    const read = (bytes: Buffer): void => {
      const lines = (line + bytes.toString("utf8")).split("\n");
      line = lines.pop() ?? "";
      for (const each of lines) this.#hear(from, each);
      if (line.length > LINE_MAX) socket.destroy();
    };
    socket.unref();
    socket.on("error", () => {});
    socket.on("end", () => socket.destroy());
    socket.on("data", read);
    if (rest.length > 0) read(rest);
  }

  #open(tag: string, path: string): Socket {
    const link = net.connect({ path });
    this.#links.set(tag, link);
    link.unref();
    link.on("error", () => {});
    link.on("close", () => {
      if (this.#links.get(tag) === link) this.#links.delete(tag);
    });
    link.resume();
    link.write(writePreamble({ kind: "control", from: this.#self }));
    return link;
  }

  #hear(from: string, line: string): void {
    let message: PeerMessage;
    try {
      message = JSON.parse(line) as PeerMessage;
    } catch {
      return;
    }
    if (typeof message === "object" && message !== null) this.#heard(from, message);
  }
}
