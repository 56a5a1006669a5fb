/** Variables that mark a process as a worker of a supervisor: what is started from there is none. Pure. */

const OF_WORKER = [
  ...["HOLDFAST_SUPERVISOR", "HOLDFAST_SLOT", "HOLDFAST_GENERATION", "HOLDFAST_WORKER"],
  "HOLDFAST_AGENT",
  ...["NODE_APP_INSTANCE", "NODE_UNIQUE_ID", "NODE_CHANNEL_FD"],
];

export function isOfWorker(name: string): boolean {
  return OF_WORKER.includes(name);
}
