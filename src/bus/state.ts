/** Last values: set, fetched, watched. */

import { HoldfastError } from "../errors.ts";
import type { BusFrame } from "../link/bus-frames.ts";
import type {
  BusMessage,
  BusState,
  BusSubscription,
  MessageHandler,
  PublishOptions,
} from "./api.ts";
import { decodeBody } from "./body.ts";
import { messageOf, NOBODY } from "./delivery.ts";
import { attempt, type HandlerFailed } from "./handlers.ts";
import { checkHandler, checkPattern, checkSubject, readOptions, STATE } from "./options.ts";
import { WatchGate } from "./watch.ts";

export interface StatePorts {
  publish(subject: string, value: unknown, options: PublishOptions): Promise<void>;
  /** Resolves when all present values have been handed over. */
  fetch(pattern: string, value: (frame: BusFrame) => void): Promise<void>;
  /** `made` is called each time the supervisor has the subscription. */
  subscribe(
    pattern: string,
    handler: MessageHandler<never>,
    made: () => void,
  ): Promise<BusSubscription>;
  readonly failed: HandlerFailed;
}

export function createState(ports: StatePorts): BusState {
  return {
    async set(subject, value, options) {
      const read = readOptions("bus.state.set()", STATE, options);
      await ports.publish(subject, value, { ...read, retain: true });
    },
    async get<Value>(subject: string) {
      checkSubject(subject, "read");
      let read = (): unknown => undefined;
      await ports.fetch(subject, ({ format, body }) => {
        const bytes = Buffer.from(body);
        read = () => decodeBody(format, bytes, subject);
      });
      return read() as Value | undefined;
    },
    async watch(pattern, handler) {
      checkPattern(pattern);
      checkHandler("bus.state.watch()", handler);
      return watch(ports, pattern, handler as MessageHandler<never>);
    },
  };
}

async function watch(
  ports: StatePorts,
  pattern: string,
  handler: MessageHandler<never>,
): Promise<BusSubscription> {
  const gate = new WatchGate(({ data, message }) =>
    attempt(
      () => handler(data as never, message),
      (error) => ports.failed(error, message),
    ),
  );
  let isSettled = false;
  let subscribed: Promise<BusSubscription> | null = null;
  await new Promise<void>((resolve, reject) => {
    const present = (error: unknown): void => {
      gate.open();
      if (error === null) resolve();
      else if (!isSettled) reject(error);
      else ports.failed(error, { subject: pattern, from: NOBODY, headers: {} });
      isSettled = true;
    };
    const made = (): void => {
      gate.shut();
      ports
        .fetch(pattern, (frame) => take(frame, gate, ports.failed))
        .then(
          () => present(null),
          // A connection that is lost comes again, and all of this with it; who still waits for the first is told.
          (error: unknown) => (isLost(error) && isSettled ? undefined : present(error)),
        );
    };
    const heard = (data: unknown, message: BusMessage): unknown => gate.heard({ data, message });
    subscribed = ports.subscribe(pattern, heard, made);
    subscribed.catch(reject);
  }).catch(async (error: unknown) => {
    await subscribed?.then((subscription) => subscription.unsubscribe()).catch(() => {});
    throw error;
  });
  return subscribed as unknown as Promise<BusSubscription>;
}

function take(frame: BusFrame, gate: WatchGate, failed: HandlerFailed): void {
  const message = messageOf(frame);
  void attempt(
    () => gate.heard({ data: decodeBody(frame.format, frame.body, frame.subject), message }),
    (error) => failed(error, message),
  );
}

function isLost(error: unknown): boolean {
  return error instanceof HoldfastError && error.code === "HF_BUS_CONNECTION_LOST";
}
