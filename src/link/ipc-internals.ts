/**
 * The parts of Node below its IPC channels that are not in its documentation: libuv's pipe, which sends and receives
 * descriptors, and the request a write needs. Old and stable (20 to 26); looked for when needed.
 */

import net from "node:net";

/** A socket as libuv's wrapper. */
export interface Handle {
  readonly fd: number;
  close(callback?: () => void): void;
}

/** A UNIX socket as libuv's wrapper (PipeWrap). */
export interface PipeHandle extends Handle {
  onread: (this: PipeHandle, bytes?: ArrayBuffer) => void;
  /** The descriptor that came with the bytes `onread` is being given. */
  pendingHandle: Handle | null;
  readonly writeQueueSize: number;
  /** All bytes so far, those `onread` is being given included. */
  readonly bytesRead: number;
  open(fd: number): number;
  connect(request: PipeRequest, path: string): number | undefined;
  readStart(): number;
  readStop(): number;
  ref(): void;
  unref(): void;
  /** 0, or a negative errno. */
  writeUtf8String(request: PipeRequest, text: string, handle: unknown): number;
  writeUtf8String(request: null, text: string, handle: unknown): number | PipeRequest;
}

/** Of a write, or a connect. */
export interface PipeRequest {
  /** Called for what was not done at once. 0, or a negative errno. */
  oncomplete: (status: number) => void;
}

export interface IpcInternals {
  /** Carries descriptors when it is made with `IPC`. */
  readonly Pipe: new (
    type: number,
  ) => PipeHandle;
  readonly WriteRequest: new () => PipeRequest;
  readonly ConnectRequest: new () => PipeRequest;
}

/** PipeConstants.IPC (src/pipe_wrap.h). */
export const IPC = 2;

/** What is there, or the name of what this Node lacks. */
export function ipcInternals(): IpcInternals | string {
  const Pipe = pipeClass();
  if (!Pipe) return "the class of its pipes";
  const requests = requestClasses(Pipe);
  return requests ? { Pipe, ...requests } : "the classes of a pipe's requests";
}

/** A socket that is to be connected to a path makes a pipe; this one goes nowhere. */
function pipeClass(): IpcInternals["Pipe"] | null {
  const socket = new net.Socket();
  socket.on("error", () => {});
  socket.connect("/");
  const { _handle: pipe } = socket as unknown as { readonly _handle: PipeHandle | null };
  socket.destroy();
  const isUsable = pipe && "writeUtf8String" in pipe && "open" in pipe && "bytesRead" in pipe;
  return isUsable ? (pipe.constructor as IpcInternals["Pipe"]) : null;
}

/** A socket makes one to connect, and one for each write: this one does neither. */
function requestClasses(Pipe: IpcInternals["Pipe"]): Omit<IpcInternals, "Pipe"> | null {
  const made: { write?: PipeRequest | null; connect?: PipeRequest } = {};
  const stand = {
    writeUtf8String(request: PipeRequest | null): number {
      made.write = request;
      return 0;
    },
    connect(request: PipeRequest): number {
      made.connect = request;
      return 0;
    },
    readStart: () => 0,
    readStop: () => 0,
    close: () => {},
  };
  const socket = new net.Socket({ handle: stand, manualStart: true } as net.SocketConstructorOpts);
  socket.write("-");
  socket.connect("/");
  socket.destroy();
  const write = made.write === null ? requestOf(new Pipe(IPC)) : made.write;
  if (!write || !made.connect) return null;
  return {
    WriteRequest: write.constructor as IpcInternals["WriteRequest"],
    ConnectRequest: made.connect.constructor as IpcInternals["ConnectRequest"],
  };
}

/** From Node 26 on a pipe makes the request itself, for what it cannot write at once: for a handle, always. */
function requestOf(pipe: PipeHandle): PipeRequest | null {
  const request = pipe.writeUtf8String(null, "-", pipe);
  pipe.close();
  return typeof request === "object" ? request : null;
}

/** Takes the handle from a socket, which is over for everybody who counts sockets. */
export function takeHandle(socket: net.Socket): PipeHandle | null {
  const held = socket as unknown as { _handle: PipeHandle | null };
  const handle = held._handle;
  held._handle = null;
  socket.destroy();
  return handle;
}
