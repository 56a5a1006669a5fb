/**
 * Whose session it is: the first of `sticky.by` that a request has decides. Availability beats affinity: who has no
 * living owner is served where it is. Pure; runs inside the agent, for each request.
 */

import type { Placement, StickyBy } from "../config/app.ts";
import {
  affinityKeyOf,
  clientAddress,
  type TrustedNetworks,
  trustedNetworks,
} from "./client-address.ts";
import { Placer } from "./placer.ts";
import { slotOf } from "./rendezvous.ts";
import type { NamedSticky } from "./sticky.ts";
import { cookieTag, headerValue, queryValue, sidTag } from "./tokens.ts";

/** A worker that sessions may belong to. */
export interface Peer {
  /** Names this worker and no other, before or after it: four characters of base64url. In sids and cookies. */
  readonly tag: string;
  readonly worker: number;
  readonly slot: number;
  /** `draining`: keeps the sessions whose id cannot move, and gets no new ones. */
  readonly state: "starting" | "ready" | "draining";
  /** The UNIX socket it serves its peers at. */
  readonly path: string;
  /** What it carries, for placement: open sessions, and how busy its event loop is (0 to 1). */
  readonly sessions: number;
  readonly utilization: number;
}

/** All peers of one message, this worker among them, ready to be looked up. */
export interface Table {
  /** This worker's tag. */
  readonly self: string;
  /** This worker leaves: it names itself to nobody any more. */
  readonly isLeaving: boolean;
  readonly byTag: ReadonlyMap<string, Peer>;
  /** Slots that have a ready worker, and the oldest of each. */
  readonly slots: readonly number[];
  readonly bySlot: ReadonlyMap<number, Peer>;
  readonly placer: Placer;
}

type Extractor =
  | { readonly kind: "sid"; readonly by: StickyBy }
  | { readonly kind: "cookie"; readonly by: StickyBy; readonly name: string }
  /** Gives a text that is hashed; null where the request has none. */
  | {
      readonly kind: "key";
      readonly by: StickyBy;
      readonly keyOf: (request: StickyRequest) => string | null;
    };

/** `Sticky`, compiled once. */
export interface Rules {
  readonly extractors: readonly Extractor[];
  readonly trusted: TrustedNetworks;
  readonly placement: Placement;
}

/** What is looked at: `headers` by lower-case name as Node gives them, `address` the socket's other end. */
export interface StickyRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly address: string | undefined;
}

/**
 * `here`: served by this worker; with `issue` the response gets a cookie that names it. `local`: the session is
 * this worker's; `new`: there is none yet (`place` says who gets it); `moved`: its worker is gone or leaving.
 * `peer`: it is that worker's, as `by` has found out.
 */
export type Decision =
  | { readonly kind: "here"; readonly issue: boolean; readonly why: "local" | "new" | "moved" }
  | { readonly kind: "peer"; readonly peer: Peer; readonly by: StickyBy };

const LOCAL: Decision = { kind: "here", issue: false, why: "local" };
const LOCAL_HERE: Decision = { kind: "here", issue: true, why: "local" };
const UNKNOWN_SID: Decision = { kind: "here", issue: false, why: "moved" };
const MOVED: Decision = { kind: "here", issue: false, why: "moved" };
const MOVED_HERE: Decision = { kind: "here", issue: true, why: "moved" };
const NEW: Decision = { kind: "here", issue: false, why: "new" };
const NEW_HERE: Decision = { kind: "here", issue: true, why: "new" };

export function tableOf(self: string, peers: readonly Peer[]): Table {
  const byTag = new Map(peers.map((peer) => [peer.tag, peer]));
  const ready = peers
    .filter((peer) => peer.state === "ready")
    .sort((one, other) => one.worker - other.worker);
  const bySlot = new Map<number, Peer>();
  for (const peer of ready) if (!bySlot.has(peer.slot)) bySlot.set(peer.slot, peer);
  return {
    self,
    isLeaving: byTag.get(self)?.state === "draining",
    byTag,
    slots: [...bySlot.keys()],
    bySlot,
    placer: new Placer(self, ready),
  };
}

export function rulesOf(sticky: NamedSticky): Rules {
  const trusted = trustedNetworks(sticky.trustProxy);
  const extractors = sticky.by.map((by) => extractorOf(by, sticky.cookie.name, trusted));
  return { extractors, trusted, placement: sticky.placement };
}

/**
 * Whose a request is. A worker that leaves serves what it has accepted where that has no living owner elsewhere: to
 * send it on would only add a way to fail, and the connection is closed behind it anyway. It issues no cookie
 * then, so that the next worker issues its own.
 */
export function ownerOf(request: StickyRequest, table: Table, rules: Rules): Decision {
  let mayIssue = false;
  let hasSid = false;
  for (const extractor of rules.extractors) {
    if (extractor.kind === "cookie") mayIssue = !table.isLeaving;
    const decision = decide(extractor, request, table, mayIssue);
    if (decision !== UNKNOWN_SID && decision !== null) return decision;
    // Of a worker that is gone, or of an engine.io that makes its ids alone: what else it has may tell.
    hasSid ||= decision === UNKNOWN_SID;
  }
  if (hasSid) return mayIssue ? MOVED_HERE : MOVED;
  return mayIssue ? NEW_HERE : NEW;
}

/**
 * Who gets a session that is `new`: the least loaded ready worker, counted as its own from now on; null when that
 * is this worker, when the kernel decides (`placement`), and when this worker leaves, see `ownerOf`.
 */
export function place(table: Table, rules: Rules): Peer | null {
  if (rules.placement !== "least-loaded" || table.isLeaving) return null;
  return table.placer.next();
}

/** Null: the request does not have what this one looks for. */
function decide(
  extractor: Extractor,
  request: StickyRequest,
  table: Table,
  mayIssue: boolean,
): Decision | null {
  if (extractor.kind === "sid") {
    const tag = sidTag(request.url);
    return tag === null ? null : ownerOfSid(tag, table, extractor.by);
  }
  if (extractor.kind === "cookie") {
    const { cookie } = request.headers;
    const tag = typeof cookie === "string" ? cookieTag(cookie, extractor.name) : null;
    return tag === null ? null : ownerOfCookie(tag, table, extractor.by, mayIssue);
  }
  const key = extractor.keyOf(request);
  return key === null ? null : ownerOfKey(key, table, extractor.by, mayIssue);
}

/** Its session lives in that process or nowhere: a draining owner still has it, and of a dead one engine.io says so. */
function ownerOfSid(tag: string, table: Table, by: StickyBy): Decision {
  if (tag === table.self) return LOCAL;
  const peer = table.byTag.get(tag);
  return peer ? { kind: "peer", peer, by } : UNKNOWN_SID;
}

/** Its session may be begun anew: it moves as soon as its owner leaves. */
function ownerOfCookie(tag: string, table: Table, by: StickyBy, mayIssue: boolean): Decision {
  if (tag === table.self) return LOCAL;
  const peer = table.byTag.get(tag);
  if (peer && peer.state !== "draining") return { kind: "peer", peer, by };
  return mayIssue ? MOVED_HERE : MOVED;
}

/** Where a cookie would have come first but there was none, the owner gives one: it outlives a change of slots. */
function ownerOfKey(key: string, table: Table, by: StickyBy, mayIssue: boolean): Decision {
  const peer = table.bySlot.get(slotOf(key, table.slots));
  if (peer && peer.tag !== table.self) return { kind: "peer", peer, by };
  return mayIssue ? LOCAL_HERE : LOCAL;
}

function extractorOf(by: StickyBy, cookieName: string, trusted: TrustedNetworks): Extractor {
  if (by === "socket.io") return { kind: "sid", by };
  if (by === "cookie") return { kind: "cookie", by, name: cookieName };
  if (by === "ip") return { kind: "key", by, keyOf: (request) => addressKey(request, trusted) };
  const name = by.slice(by.indexOf(":") + 1);
  if (by.startsWith("query:")) {
    return { kind: "key", by, keyOf: ({ url }) => queryValue(url, name) };
  }
  const header = name.toLowerCase();
  return { kind: "key", by, keyOf: ({ headers }) => headerValue(headers[header]) };
}

function addressKey({ headers, address }: StickyRequest, trusted: TrustedNetworks): string | null {
  const forwarded = headers["x-forwarded-for"];
  const text = typeof forwarded === "string" ? forwarded : undefined;
  const client = clientAddress(address, text, trusted);
  return client === undefined ? null : affinityKeyOf(client);
}
