/** What clients of the control socket hear of what happens. */

import type { Request } from "./control-server.ts";
import { EVENT_NAMES } from "./events.ts";
import type { Supervisor } from "./supervisor.ts";

/** Tells the client what happens to these apps while something is done to them. */
export async function told<T>(
  supervisor: Supervisor,
  names: readonly string[],
  request: Request,
  act: () => Promise<T>,
): Promise<T> {
  const stop = forward(supervisor, names, request);
  try {
    return await act();
  } finally {
    stop();
  }
}

/** Forwards the events of some apps, or of all; gives the function that ends it. */
export function forward(
  supervisor: Supervisor,
  names: readonly string[] | null,
  { event }: Request,
): () => void {
  const listeners = EVENT_NAMES.map((name) => {
    const listener = (data: { readonly app: string }): void => {
      if (names === null || names.includes(data.app)) event(name, { at: Date.now(), ...data });
    };
    supervisor.on(name, listener);
    return () => supervisor.off(name, listener);
  });
  return () => {
    for (const off of listeners) off();
  };
}
