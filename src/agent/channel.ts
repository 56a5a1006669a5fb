/** The agent's end of the IPC channel. Messages to and from the supervisor stay unseen by the app. */

import {
  type AgentMessage,
  ENVELOPE,
  envelope,
  type SupervisorMessage,
} from "../link/agent-messages.ts";
import type { Handle } from "./node-internals.ts";

export interface Channel {
  /** `sent` hears when the message is on its way, or with an error that it never will be. */
  send(message: AgentMessage, handle?: Handle, sent?: (error: unknown) => void): void;
  on(listener: (message: SupervisorMessage, handle: Handle | undefined) => void): void;
  isOpen(): boolean;
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
  };
}
