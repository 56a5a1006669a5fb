import { type Reader, Writer } from "@platformatic/kafka";
import type { Api } from "./stand-in.ts";
import type { Topic } from "./topic.ts";

const NODE = 1;
const NO_OFFSET = -1n;
/** In ListOffsets: the first there is, instead of the next there will be. */
const EARLIEST = -2n;
/** "Not asked for". */
const NO_OPERATIONS = -2_147_483_648;
/** A partition that has nothing yet is looked at again within this time, as others may have. */
const LONGEST_WAIT_MS = 500;

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** What is asked of a topic: which partitions it has, and records to and from it. */
export function topicApis(topic: Topic, address: () => Address): readonly Api[] {
  return [
    { key: 0, version: 9, answer: (request) => produce(topic, request) },
    { key: 1, version: 13, answer: (request) => fetch(topic, request) },
    { key: 2, version: 6, answer: (request) => listOffsets(topic, request) },
    { key: 3, version: 12, answer: () => metadata(topic, address()) },
  ];
}

function metadata(topic: Topic, { host, port }: Address): Writer {
  return Writer.create()
    .appendInt32(0)
    .appendArray([NODE], (w, node) =>
      w.appendInt32(node).appendString(host).appendInt32(port).appendString(null),
    )
    .appendString("stand-in")
    .appendInt32(NODE)
    .appendArray([topic], (w, { id, name, partitions }) => {
      w.appendInt16(0).appendString(name).appendUUID(id).appendBoolean(false);
      w.appendArray([...partitions], (each, partition) => {
        each.appendInt16(0).appendInt32(partition).appendInt32(NODE).appendInt32(0);
        for (const nodes of [[NODE], [NODE], []]) {
          each.appendArray(nodes, (list, node) => list.appendInt32(node), true, false);
        }
      });
      w.appendInt32(NO_OPERATIONS);
    })
    .appendTaggedFields();
}

function produce(topic: Topic, request: Reader): Writer {
  request.readNullableString();
  request.readInt16();
  request.readInt32();
  const topics = request.readArray((r) => ({
    name: r.readString(),
    partitions: r.readArray((p) => ({ partition: p.readInt32(), records: p.readBytes() })),
  }));
  return Writer.create()
    .appendArray(topics, (w, { name, partitions }) => {
      w.appendString(name).appendArray(partitions, (each, { partition, records }) => {
        const first = topic.append(partition, records);
        each.appendInt32(partition).appendInt16(0).appendInt64(BigInt(first));
        each.appendInt64(NO_OFFSET).appendInt64(0n);
        each.appendArray([], () => {}).appendString(null);
      });
    })
    .appendInt32(0)
    .appendTaggedFields();
}

async function fetch(topic: Topic, request: Reader): Promise<Writer> {
  request.readInt32();
  const waitMs = request.readInt32();
  // The least and the most bytes, the isolation, the session and its epoch.
  request.position += 4 + 4 + 1 + 4 + 4;
  const topics = request.readArray((r) => ({
    id: r.readUUID(),
    partitions: r.readArray((p) => {
      const partition = p.readInt32();
      p.readInt32();
      const offset = Number(p.readInt64());
      p.position += 4 + 8 + 4;
      return { partition, offset };
    }),
  }));
  const hasNews = topics.some(({ partitions }) =>
    partitions.some(({ partition, offset }) => topic.end(partition) > offset),
  );
  if (!hasNews) await topic.news(Math.min(waitMs, LONGEST_WAIT_MS));
  return Writer.create()
    .appendInt32(0)
    .appendInt16(0)
    .appendInt32(0)
    .appendArray(topics, (w, { id, partitions }) => {
      w.appendUUID(id).appendArray(partitions, (each, { partition, offset }) => {
        const end = BigInt(topic.end(partition));
        each.appendInt32(partition).appendInt16(0);
        each.appendInt64(end).appendInt64(end).appendInt64(0n);
        each.appendArray([], () => {}).appendInt32(-1);
        each.appendBytes(topic.read(partition, offset));
      });
    })
    .appendTaggedFields();
}

function listOffsets(topic: Topic, request: Reader): Writer {
  request.readInt32();
  request.readInt8();
  const topics = request.readArray((r) => ({
    name: r.readString(),
    partitions: r.readArray((p) => {
      const partition = p.readInt32();
      p.readInt32();
      return { partition, time: p.readInt64() };
    }),
  }));
  return Writer.create()
    .appendInt32(0)
    .appendArray(topics, (w, { name, partitions }) => {
      w.appendString(name).appendArray(partitions, (each, { partition, time }) => {
        const offset = time === EARLIEST ? 0 : topic.end(partition);
        each.appendInt32(partition).appendInt16(0).appendInt64(-1n);
        each.appendInt64(BigInt(offset)).appendInt32(0);
      });
    })
    .appendTaggedFields();
}
