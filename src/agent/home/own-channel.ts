/**
 * Node's own IPC channel, whose end is hidden from the app: it is the death of the supervisor, which is none of the
 * app's business. An app that wants the channel closed, by process.disconnect(), gets what it gets without us. Goes by
 * lib/internal/child_process.js, Node 20 to 26.
 */

import cluster from "node:cluster";

export type Sent = (error: Error | null) => void;

/** What stands for the channel once it has broken. */
export interface StandIn {
  /** This goes over the channel. */
  said(message: unknown): void;
  /** The channel has broken. */
  lost(): void;
  /** What would have gone over the channel, from the app or from Node's cluster module. */
  send(message: unknown, sent: Sent | undefined): void;
  /** The channel is to keep the process, or not. */
  hold(isHeld: boolean): void;
  /** The app has closed it. */
  close(): void;
}

type Send = (message: unknown, handle: unknown, options: unknown, sent?: Sent) => boolean;

/** The parts of `process` that make up the channel. */
interface ChannelOwner {
  _send?: Send;
  /** What waits behind a handle that is not acknowledged. */
  _handleQueue?: readonly { readonly callback?: Sent }[] | null;
  /** An app's socket that was sent and is not acknowledged. */
  _pendingMessage?: { readonly handle?: { close(): void } } | null;
}

interface ChannelHandle {
  onread(this: ChannelHandle, bytes?: ArrayBuffer): void;
  close(): void;
  hasRef(): boolean;
  ref(): void;
  unref(): void;
}

const BROKEN: readonly unknown[] = ["EPIPE", "ECONNRESET", "ECANCELED"];

/** False: this process has no channel that can be outlived, or not in this Node. */
export function outliveChannel(standIn: StandIn): boolean {
  const owner = process as ChannelOwner;
  const channel = channelHandle();
  const { _send: send } = owner;
  if (!channel?.hasRef || !send) return false;
  forgiveFirstWords();
  const ours = new WeakSet<Sent>();
  let isLost = false;
  owner._send = (message, handle, options, sent) => {
    if (isLost) return stand(message, handle, sent);
    // What is ours or Node's own is told again by who said it.
    standIn.said(message);
    if (isNodeMessage(message) || (sent && ours.has(sent))) {
      return send.call(owner, message, handle, options, sent);
    }
    const watched: Sent = (error) => {
      const isBroken = isLost || BROKEN.includes((error as NodeJS.ErrnoException | null)?.code);
      if (error && isBroken) stand(message, handle, sent);
      else if (sent) sent(error);
      else if (error) process.emit("error" as never, error as never);
    };
    ours.add(watched);
    return send.call(owner, message, handle, options, watched);
  };
  const stand: (message: unknown, handle: unknown, sent: Sent | undefined) => true = (
    message,
    handle,
    sent,
  ) => {
    discard(handle);
    standIn.send(message, sent);
    return true;
  };
  const { onread } = channel;
  channel.onread = function (bytes) {
    if (bytes || isLost || !process.connected) return onread.call(this, bytes);
    isLost = true;
    replace(channel, standIn);
    standIn.lost();
    forget(owner);
  };
  return true;
}

/**
 * Node's cluster module says that it is there before any of this runs. Where the supervisor has died by then, that
 * fails in this very turn, and would end the process.
 */
function forgiveFirstWords(): void {
  const { worker } = cluster;
  const failed = (error: NodeJS.ErrnoException): void => {
    if (!BROKEN.includes(error.code)) throw error;
  };
  worker?.on("error", failed);
  setImmediate(() => worker?.off("error", failed));
}

/** The dead channel stays what Node asks to keep the process or not, and closes at last. */
function replace(channel: ChannelHandle, standIn: StandIn): void {
  standIn.hold(channel.hasRef());
  const { close } = channel;
  close.call(channel);
  channel.close = () => standIn.close();
  channel.ref = () => standIn.hold(true);
  channel.unref = () => standIn.hold(false);
}

/** What waited for an acknowledgement that will never come. */
function forget(owner: ChannelOwner): void {
  const waiting = owner._handleQueue ?? [];
  owner._handleQueue = null;
  owner._pendingMessage?.handle?.close();
  owner._pendingMessage = null;
  for (const { callback } of waiting) callback?.(new Error("the supervisor is gone"));
}

/** A message that Node delivers as `internalMessage`. */
export function isNodeMessage(message: unknown): message is { readonly cmd: string } {
  const cmd = (message as { cmd?: unknown } | null | undefined)?.cmd;
  return typeof cmd === "string" && cmd.startsWith("NODE_");
}

/** The supervisor wants no connection of the app's; sent away, it is closed here as it is by Node. */
function discard(handle: unknown): void {
  (handle as { destroy?(): void } | null | undefined)?.destroy?.();
}

function channelHandle(): ChannelHandle | null {
  const symbol = Object.getOwnPropertySymbols(process).find(
    (key) => key.description === "kChannelHandle",
  );
  return symbol
    ? ((process as unknown as Record<symbol, ChannelHandle | null>)[symbol] ?? null)
    : null;
}
