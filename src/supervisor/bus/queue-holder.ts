/** Who has a message, as the store writes it down: a word for its kind, who it is, its session, its own number. */

import type { Client } from "./client.ts";

const SESSION = /^[\w-]{1,64}$/;

/** A session has no blanks, so that nobody's name can end like another one's session. */
export function isSession(text: string | null): text is string {
  return text !== null && SESSION.test(text);
}

export function holderOf(client: Client, session: string, number: number): string {
  const kind = client.member?.worker === null ? "program" : "worker";
  return `${kind} ${nameOf(client)} ${session}/${number}`;
}

/** Whether it is a worker, which no other supervisor will know again. */
export function isWorkers(holder: string): boolean {
  return holder.startsWith("worker ");
}

/** For people who look at queues; the same over all connections of a process. */
export function nameOf({ member }: Client): string {
  const { app = null, slot = null, name = null } = member ?? {};
  return app === null ? (name ?? "client") : `${app}/${slot}`;
}
