import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { Reader, Writer } from "@platformatic/kafka";
import { Group } from "./group.ts";
import { groupApis } from "./group-requests.ts";
import { Topic } from "./topic.ts";
import { topicApis } from "./topic-requests.ts";

const HOST = "127.0.0.1";
/** How many bytes say how long a request is. */
const LENGTH = 4;
const API_VERSIONS = 18;

/** One kind of request, in the one version that is known. */
export interface Api {
  readonly key: number;
  readonly version: number;
  answer(request: Reader): Writer | Promise<Writer>;
}

/**
 * A stand-in for a Kafka broker, of the tests' own and in their process: it speaks as much of the protocol as a
 * producer and the static members of one group need. It is no Kafka, and proves nothing about one.
 */
export class KafkaStandIn {
  readonly group = new Group();
  readonly #committed = new Map<string, bigint>();
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  readonly #apis: readonly Api[];

  private constructor(topic: Topic) {
    const address = () => ({ host: HOST, port: this.#port });
    const versions = { key: API_VERSIONS, version: 3, answer: () => this.#versions() };
    this.#apis = [
      ...topicApis(topic, address),
      ...groupApis(this.group, this.#committed, address),
      versions,
    ];
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
      // A worker that is killed resets its connections.
      this.#serve(socket).catch(() => socket.destroy());
    });
  }

  static async start(topic: string, partitions: number): Promise<KafkaStandIn> {
    const standIn = new KafkaStandIn(new Topic(topic, partitions));
    await once(standIn.#server.listen(0, HOST), "listening");
    return standIn;
  }

  get #port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** For `KAFKA_BROKERS`. */
  get brokers(): string {
    return `${HOST}:${this.#port}`;
  }

  /** How many records the group says to have worked on. */
  get committed(): number {
    return Number([...this.#committed.values()].reduce((sum, offset) => sum + offset, 0n));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.group.close();
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** One request after the other, as a broker does. */
  async #serve(socket: Socket): Promise<void> {
    let rest: Buffer = Buffer.alloc(0);
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= LENGTH && rest.length >= LENGTH + rest.readInt32BE(0)) {
        const end = LENGTH + rest.readInt32BE(0);
        const answer = await this.#answer(Reader.from(rest.subarray(LENGTH, end)));
        rest = rest.subarray(end);
        if (!socket.destroyed) socket.write(answer);
      }
    }
  }

  async #answer(request: Reader): Promise<Buffer> {
    const key = request.readInt16();
    const version = request.readInt16();
    const correlation = request.readInt32();
    request.readNullableString(false);
    request.readTaggedFields();
    const api = this.#apis.find((each) => each.key === key && each.version === version);
    if (!api) throw new Error(`request ${key} of version ${version} is not known here`);
    const body = await api.answer(request);
    const head = Writer.create().appendInt32(correlation);
    // This one must be understood by who does not know the version yet.
    if (key !== API_VERSIONS) head.appendTaggedFields();
    return head.appendFrom(body).prependLength().buffer;
  }

  #versions(): Writer {
    return Writer.create()
      .appendInt16(0)
      .appendArray([...this.#apis], (w, { key, version }) =>
        w.appendInt16(key).appendInt16(version).appendInt16(version),
      )
      .appendInt32(0)
      .appendTaggedFields();
  }
}
