/** The agent's end of the IPC channel. Messages to and from the supervisor stay unseen by the app. */

import {
  type AgentMessage,
  ENVELOPE,
  envelope,
  type SupervisorMessage,
} from "../link/agent-messages.ts";
import type { Home } from "./home/home.ts";
import type { CountedChannel, Handle } from "./node-internals.ts";

export interface Channel {
  /** `sent` hears when the message is on its way, or with an error that it never will be. */
  send(message: AgentMessage, handle?: Handle, sent?: (error: unknown) => void): void;
  on(listener: (message: SupervisorMessage, handle: Handle | undefined) => void): void;
  isOpen(): boolean;
  /** Something is awaited from the supervisor: the process stays until what is returned has been called. */
  hold(): () => void;
  /** From now on the channel is what the home makes of it. */
  outlive(home: Pick<Home, "hasReplaced" | "isLinked" | "send">): void;
  /** What a new supervisor must know, or what may have been lost on its way to the one before. */
  retell(): void;
}

/** What stays true until it is said anew. */
const STANDING: readonly AgentMessage["t"][] = ["ready", "released", "limit", "health", "probe"];

type Send = (
  message: unknown,
  handle?: unknown,
  options?: unknown,
  callback?: (e: unknown) => void,
) => boolean;

export function openChannel(): Channel {
  // Kept, because apps and tracers wrap process.send.
  const send = process.send?.bind(process) as Send | undefined;
  // A supervisor that is gone must not become an error in the app.
  const swallow = (): void => {};
  const { channel } = process as { channel?: CountedChannel };
  letGo(channel);
  let home: Pick<Home, "hasReplaced" | "isLinked" | "send"> | null = null;
  const standing = new Map<string, AgentMessage>();
  const tell: Channel["send"] = (message, handle, sent = swallow) => {
    if (STANDING.includes(message.t)) standing.set(message.t, message);
    if (home?.hasReplaced) home.send(envelope(message), handle, sent);
    else if (process.connected && send) send(envelope(message), handle, undefined, sent);
    else sent(new Error("the supervisor is gone"));
  };
  return {
    send: tell,
    on(listener) {
      const emitter = process as unknown as NodeJS.EventEmitter;
      emitter.on("internalMessage", (message: { cmd?: string }, handle?: Handle) => {
        if (message.cmd === ENVELOPE) {
          listener(message as unknown as SupervisorMessage, handle);
        }
      });
    },
    isOpen: () => (home?.hasReplaced ? home.isLinked : process.connected),
    hold() {
      let isHeld = true;
      channel?.refCounted?.();
      return () => {
        if (isHeld) channel?.unrefCounted?.();
        isHeld = false;
      };
    },
    outlive(of) {
      home = of;
    },
    retell() {
      for (const message of [...standing.values()]) tell(message);
    },
  };
}

/**
 * A program that has finished its work ends, as under `fork()`, where the channel keeps it only while it
 * listens to messages. In a worker `cluster` itself does, for ever. Called before the app runs: what is
 * listening now is cluster.
 */
function letGo(channel: CountedChannel | undefined): void {
  const own = process.listenerCount("message") + process.listenerCount("disconnect");
  for (let n = 0; n < own; n++) channel?.unrefCounted?.();
}
