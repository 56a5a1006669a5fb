/** "holdfast/bus": messages between workers, apps and other processes of this machine. Loads no supervisor. */

import type { Bus } from "./bus/api.ts";
import { createWorkerBus, ownHooks } from "./bus/worker-bus.ts";

/** The bus of the supervisor that has started this process. Without one every call rejects with HF_BUS_UNREACHABLE. */
export const bus: Bus = createWorkerBus(ownHooks);

export type {
  Bus,
  BusEncoding,
  BusEvents,
  BusMessage,
  BusRequest,
  BusState,
  BusSubscription,
  CloseOptions,
  Gathered,
  GatherOptions,
  MessageHandler,
  PublishOptions,
  ReplyOptions,
  RequestHandler,
  RequestOptions,
  Sender,
  SubscribeOptions,
} from "./bus/api.ts";
export { type ConnectOptions, connect } from "./bus/connect.ts";
export type {
  LeaderOptions,
  Leadership,
  LeaderTerm,
  LeadFunction,
  Lock,
  LockOptions,
} from "./bus/locks-api.ts";
export type {
  BusQueues,
  ConsumeOptions,
  Enqueued,
  EnqueueOptions,
  PeekOptions,
  QueueConsumer,
  QueuedMessage,
  QueueHandler,
  QueueState,
  QueueSummary,
  QueueWork,
} from "./bus/queue-api.ts";
export { BusRemoteError } from "./bus/remote-error.ts";
