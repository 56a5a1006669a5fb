import { type Reader, Writer } from "@platformatic/kafka";
import type { Group } from "./group.ts";
import { CODES, type Identity } from "./membership.ts";
import type { Api } from "./stand-in.ts";
import type { Address } from "./topic-requests.ts";

const NODE = 1;
const NEVER_COMMITTED = -1n;

/** What is asked of the coordinator of a group; `committed` is by topic and partition. */
export function groupApis(
  group: Group,
  committed: Map<string, bigint>,
  address: () => Address,
): readonly Api[] {
  return [
    { key: 8, version: 8, answer: (request) => commit(group, committed, request) },
    { key: 9, version: 8, answer: (request) => fetchOffsets(committed, request) },
    { key: 10, version: 4, answer: (request) => findCoordinator(request, address()) },
    { key: 11, version: 9, answer: (request) => join(group, request) },
    { key: 12, version: 4, answer: (request) => heartbeat(group, request) },
    { key: 13, version: 5, answer: (request) => leave(group, request) },
    { key: 14, version: 5, answer: (request) => sync(group, request) },
  ];
}

function findCoordinator(request: Reader, { host, port }: Address): Writer {
  request.readInt8();
  const keys = request.readArray((r) => r.readString(), true, false);
  return Writer.create()
    .appendInt32(0)
    .appendArray(keys, (w, key) => {
      w.appendString(key).appendInt32(NODE).appendString(host).appendInt32(port);
      w.appendInt16(0).appendString(null);
    })
    .appendTaggedFields();
}

function identity(request: Reader): Identity {
  return { memberId: request.readString(), instance: request.readNullableString() };
}

async function join(group: Group, request: Reader): Promise<Writer> {
  request.readString();
  const sessionMs = request.readInt32();
  const rebalanceMs = request.readInt32();
  const who = identity(request);
  request.readString();
  const [first] = request.readArray((r) => ({ name: r.readString(), metadata: r.readBytes() }));
  const metadata = Buffer.from(first?.metadata ?? []);
  const protocol = first?.name ?? "";
  const answer = await group.join({ ...who, sessionMs, rebalanceMs, protocol, metadata });
  return Writer.create()
    .appendInt32(0)
    .appendInt16(answer.code)
    .appendInt32(answer.generation)
    .appendString("consumer")
    .appendString(answer.protocol)
    .appendString(answer.leader)
    .appendBoolean(answer.skipsAssignment)
    .appendString(answer.memberId)
    .appendArray([...answer.members], (w, { id, instance, metadata: about }) =>
      w.appendString(id).appendString(instance).appendBytes(about),
    )
    .appendTaggedFields();
}

async function sync(group: Group, request: Reader): Promise<Writer> {
  request.readString();
  const generation = request.readInt32();
  const who = identity(request);
  request.readNullableString();
  request.readNullableString();
  const assignments = request.readArray(
    (r) => [r.readString(), Buffer.from(r.readBytes())] as const,
  );
  const answer = await group.sync({ ...who, generation }, new Map(assignments));
  return Writer.create()
    .appendInt32(0)
    .appendInt16(answer.code)
    .appendString("consumer")
    .appendString(answer.protocol)
    .appendBytes(answer.assignment)
    .appendTaggedFields();
}

function heartbeat(group: Group, request: Reader): Writer {
  request.readString();
  const generation = request.readInt32();
  const code = group.heartbeat(identity(request), generation);
  return Writer.create().appendInt32(0).appendInt16(code).appendTaggedFields();
}

function leave(group: Group, request: Reader): Writer {
  request.readString();
  const members = request.readArray((r) => {
    const who = identity(r);
    r.readNullableString();
    return who;
  });
  return Writer.create()
    .appendInt32(0)
    .appendInt16(0)
    .appendArray(members, (w, who) =>
      w.appendString(who.memberId).appendString(who.instance).appendInt16(group.leave(who)),
    )
    .appendTaggedFields();
}

function commit(group: Group, committed: Map<string, bigint>, request: Reader): Writer {
  request.readString();
  const generation = request.readInt32();
  const code = group.check(identity(request), generation);
  const topics = request.readArray((r) => ({
    name: r.readString(),
    partitions: r.readArray((p) => {
      const partition = p.readInt32();
      const offset = p.readInt64();
      p.readInt32();
      p.readNullableString();
      return { partition, offset };
    }),
  }));
  return Writer.create()
    .appendInt32(0)
    .appendArray(topics, (w, { name, partitions }) => {
      w.appendString(name).appendArray(partitions, (each, { partition, offset }) => {
        if (code === CODES.none) committed.set(`${name}/${partition}`, offset);
        each.appendInt32(partition).appendInt16(code);
      });
    })
    .appendTaggedFields();
}

function fetchOffsets(committed: ReadonlyMap<string, bigint>, request: Reader): Writer {
  const groups = request.readArray((r) => ({
    group: r.readString(),
    topics: r.readArray((t) => ({
      name: t.readString(),
      partitions: t.readArray((p) => p.readInt32(), true, false),
    })),
  }));
  return Writer.create()
    .appendInt32(0)
    .appendArray(groups, (w, { group, topics }) => {
      w.appendString(group).appendArray(topics, (each, { name, partitions }) => {
        each.appendString(name).appendArray(partitions, (one, partition) => {
          const offset = committed.get(`${name}/${partition}`) ?? NEVER_COMMITTED;
          one.appendInt32(partition).appendInt64(offset).appendInt32(-1);
          one.appendString(null).appendInt16(0);
        });
      });
      w.appendInt16(0);
    })
    .appendTaggedFields();
}
