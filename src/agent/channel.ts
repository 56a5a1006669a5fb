/** The agent's end of the IPC channel. Messages to and from the supervisor stay unseen by the app. */

import {
  type AgentMessage,
  ENVELOPE,
  envelope,
  type SupervisorMessage,
} from "../link/agent-messages.ts";
import type { CountedChannel, Handle } from "./node-internals.ts";

export interface Channel {
  /** `sent` hears when the message is on its way, or with an error that it never will be. */
  send(message: AgentMessage, handle?: Handle, sent?: (error: unknown) => void): void;
  on(listener: (message: SupervisorMessage, handle: Handle | undefined) => void): void;
  isOpen(): boolean;
  /** Something is awaited from the supervisor: the process stays until what is returned has been called. */
  hold(): () => void;
}

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
  return {
    send(message, handle, sent = swallow) {
      if (process.connected && send) send(envelope(message), handle, undefined, sent);
      else sent(new Error("the supervisor is gone"));
    },
    on(listener) {
      const emitter = process as unknown as NodeJS.EventEmitter;
      emitter.on("internalMessage", (message: { cmd?: string }, handle?: Handle) => {
        if (message.cmd === ENVELOPE) {
          listener(message as unknown as SupervisorMessage, handle);
        }
      });
    },
    isOpen: () => process.connected,
    hold() {
      let isHeld = true;
      channel?.refCounted?.();
      return () => {
        if (isHeld) channel?.unrefCounted?.();
        isHeld = false;
      };
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
