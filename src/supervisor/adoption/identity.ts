/** What names a worker beyond the life of the supervisor that started it. */

import { timingSafeEqual } from "node:crypto";

export interface WorkerIdentity {
  readonly app: string;
  readonly worker: number;
  readonly pid: number;
  /** With the pid it names one process: pids are used again. Null where the system does not tell. */
  readonly startTicks: number | null;
  /** The worker's own; whoever has it is that worker. */
  readonly token: string;
}

/** Takes as long whatever is wrong with the token. */
export function hasToken({ token }: WorkerIdentity, given: string): boolean {
  const [wanted, told] = [Buffer.from(token), Buffer.from(given)];
  return wanted.length === told.length && timingSafeEqual(wanted, told);
}
