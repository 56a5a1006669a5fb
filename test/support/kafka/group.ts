import { randomUUID } from "node:crypto";
import {
  CODES,
  type Identity,
  type JoinAnswer,
  type JoinRequest,
  type SyncAnswer,
} from "./membership.ts";

/** Who starts alone waits so long for others. Kafka's own default is 3 s. */
const FIRST_WAIT_MS = 300;

interface Member {
  id: string;
  readonly instance: string | null;
  request: JoinRequest;
  assignment: Buffer;
  expiry: NodeJS.Timeout | undefined;
  joined: ((answer: JoinAnswer) => void) | null;
  synced: ((answer: SyncAnswer) => void) | null;
}

const NOTHING = Buffer.alloc(0);

/** The coordinator of a consumer group of static members alone, as KIP-345 describes it: they keep their place while they are away. */
export class Group {
  /** What has happened, for tests to look at. */
  readonly history = { rebalances: 0, replaced: 0, fenced: 0, left: 0, expired: 0 };
  readonly #members = new Map<string, Member>();
  readonly #instances = new Map<string, string>();
  #state: "empty" | "joining" | "syncing" | "stable" = "empty";
  #generation = 0;
  #leader = "";
  #deadline: NodeJS.Timeout | undefined;

  /** How many members have an assignment now. */
  get settled(): number {
    return this.#state === "stable" ? this.#members.size : 0;
  }

  /** What is wrong with who asks; `generation` null where it says none. */
  check({ memberId, instance }: Identity, generation: number | null = null): number {
    const holder = instance === null ? memberId : this.#instances.get(instance);
    if (holder !== undefined && holder !== memberId) {
      this.history.fenced += 1;
      return CODES.fencedInstance;
    }
    const member = this.#members.get(memberId);
    if (!member) return CODES.unknownMember;
    this.#touch(member);
    return generation === null || generation === this.#generation
      ? CODES.none
      : CODES.illegalGeneration;
  }

  join(request: JoinRequest): Promise<JoinAnswer> | JoinAnswer {
    if (request.memberId !== "") return this.#rejoin(request);
    if (request.instance === null) {
      return { ...this.#answer("", request), code: CODES.invalidRequest };
    }
    const before = this.#instances.get(request.instance);
    const memberId = `${request.instance}-${randomUUID()}`;
    const place = before === undefined ? undefined : this.#members.get(before);
    if (!place) return this.#wait(this.#add(memberId, request));
    this.#replace(place, memberId);
    return this.#again(place, request);
  }

  sync(
    identity: Identity & { readonly generation: number },
    assignments: ReadonlyMap<string, Buffer>,
  ): Promise<SyncAnswer> | SyncAnswer {
    const code = this.check(identity, identity.generation);
    const member = this.#members.get(identity.memberId);
    if (code !== CODES.none || !member) return { code, protocol: "", assignment: NOTHING };
    const { protocol } = member.request;
    if (this.#state === "joining") {
      return { code: CODES.rebalanceInProgress, protocol, assignment: NOTHING };
    }
    if (this.#state === "syncing" && member.id === this.#leader) this.#assign(assignments);
    if (this.#state === "stable") return { code, protocol, assignment: member.assignment };
    return new Promise((resolve) => {
      member.synced = resolve;
    });
  }

  heartbeat(identity: Identity, generation: number): number {
    const code = this.check(identity, generation);
    return code === CODES.none && this.#state === "joining" ? CODES.rebalanceInProgress : code;
  }

  leave(identity: Identity): number {
    const member = this.#members.get(identity.memberId);
    const code = this.check(identity);
    if (code !== CODES.none || !member) return code;
    this.history.left += 1;
    this.#remove(member);
    return CODES.none;
  }

  close(): void {
    clearTimeout(this.#deadline);
    for (const member of this.#members.values()) clearTimeout(member.expiry);
  }

  #rejoin(request: JoinRequest): Promise<JoinAnswer> | JoinAnswer {
    const code = this.check(request);
    const member = this.#members.get(request.memberId);
    if (code !== CODES.none || !member) {
      return { ...this.#answer(request.memberId, request), code };
    }
    return member.id === this.#leader ? this.#wait(member) : this.#again(member, request);
  }

  /** A member that is known: where nothing has changed for the group, it gets what it had. */
  #again(member: Member, request: JoinRequest): Promise<JoinAnswer> | JoinAnswer {
    const isSame = member.request.metadata.equals(request.metadata);
    member.request = request;
    this.#touch(member);
    const isSettled = this.#state === "stable" || this.#state === "syncing";
    return isSame && isSettled ? this.#answer(member.id, request) : this.#wait(member);
  }

  #answer(memberId: string, { protocol }: JoinRequest): JoinAnswer {
    const isLeader = memberId === this.#leader;
    return {
      ...{ code: CODES.none, generation: this.#generation, protocol, leader: this.#leader },
      ...{ memberId, skipsAssignment: isLeader && this.#state === "stable" },
      members: isLeader
        ? [...this.#members.values()].map(({ id, instance, request: { metadata } }) => ({
            ...{ id, instance, metadata },
          }))
        : [],
    };
  }

  #add(id: string, request: JoinRequest): Member {
    const { instance } = request;
    const nobody = { expiry: undefined, joined: null, synced: null };
    const member: Member = { id, instance, request, assignment: NOTHING, ...nobody };
    this.#members.set(id, member);
    if (instance !== null) this.#instances.set(instance, id);
    this.#touch(member);
    return member;
  }

  /** The identity's new holder takes its place; whoever had it is told so when it asks for anything. */
  #replace(member: Member, id: string): void {
    this.history.replaced += 1;
    const fenced = { code: CODES.fencedInstance, protocol: "" };
    member.joined?.({ ...this.#answer(member.id, member.request), ...fenced });
    member.synced?.({ ...fenced, assignment: NOTHING });
    member.joined = null;
    member.synced = null;
    this.#members.delete(member.id);
    if (this.#leader === member.id) this.#leader = id;
    member.id = id;
    this.#members.set(id, member);
    if (member.instance !== null) this.#instances.set(member.instance, id);
  }

  #remove(member: Member): void {
    clearTimeout(member.expiry);
    this.#members.delete(member.id);
    if (member.instance !== null) this.#instances.delete(member.instance);
    if (this.#members.size === 0) this.#state = "empty";
    else this.#rebalance();
  }

  #touch(member: Member): void {
    clearTimeout(member.expiry);
    member.expiry = setTimeout(() => {
      // Who waits for an answer of the group is there.
      if (member.joined || member.synced) return this.#touch(member);
      this.history.expired += 1;
      this.#remove(member);
    }, member.request.sessionMs).unref();
  }

  #wait(member: Member): Promise<JoinAnswer> {
    return new Promise((resolve) => {
      member.joined = resolve;
      const isFirst = this.#state === "empty";
      this.#rebalance(isFirst ? FIRST_WAIT_MS : member.request.rebalanceMs);
    });
  }

  #rebalance(withinMs = 60_000): void {
    if (this.#state !== "joining") {
      this.#deadline = setTimeout(() => this.#complete(), withinMs).unref();
      const isFirst = this.#state === "empty";
      this.#state = "joining";
      for (const member of this.#members.values()) {
        const { protocol } = member.request;
        member.synced?.({ code: CODES.rebalanceInProgress, protocol, assignment: NOTHING });
        member.synced = null;
      }
      if (isFirst) return;
    } else if (this.#generation === 0) return;
    if ([...this.#members.values()].every(({ joined }) => joined)) this.#complete();
  }

  #complete(): void {
    clearTimeout(this.#deadline);
    const [first] = [...this.#members.values()].filter(({ joined }) => joined);
    if (!this.#members.get(this.#leader)?.joined) this.#leader = first?.id ?? "";
    this.history.rebalances += 1;
    this.#generation += 1;
    this.#state = "syncing";
    for (const member of this.#members.values()) {
      member.joined?.(this.#answer(member.id, member.request));
      member.joined = null;
    }
  }

  #assign(assignments: ReadonlyMap<string, Buffer>): void {
    this.#state = "stable";
    for (const member of this.#members.values()) {
      member.assignment = assignments.get(member.id) ?? NOTHING;
      const { protocol } = member.request;
      member.synced?.({ code: CODES.none, protocol, assignment: member.assignment });
      member.synced = null;
    }
  }
}
