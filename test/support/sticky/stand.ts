/** The same app twice, bare and under Holdfast with sticky routing, and the same words said to both. */

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { fixture, freePort, type HoldfastRun, runHoldfast } from "../holdfast.ts";
import type { Target } from "../load.ts";
import { Output } from "../output.ts";
import { expectNoLeftovers, MARKER_VARIABLE } from "../processes.ts";
import { until } from "../until.ts";
import { askJson, Jar, STICKY_COOKIE } from "./client.ts";
import { Wire } from "./wire.ts";

export interface StandOptions {
  readonly app?: string;
  readonly instances?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly flags?: readonly string[];
}

/** What an app said it has seen; where it was is told in words, for the ports are others each time. */
export type Seen = Readonly<Record<string, unknown>>;

/** One conversation: what is said, and what is waited for. `id` is for X-Id: what the app saw is told by it. */
export type Conversation = (wire: Wire, talk: Talk) => Promise<void>;

export interface Talk {
  /** A Cookie field that names the session's owner. */
  readonly cookie: string;
  readonly id: string;
  /** Waits until the app has told of so many things. */
  told(count: number): Promise<readonly Seen[]>;
  /** Waits until the app has told that the WebSocket is closed. */
  closed(): Promise<void>;
}

/** What became of a conversation. */
export interface Outcome {
  /** All the client got, dates left out; a digest where it is much. */
  readonly bytes: string;
  readonly end: string;
  readonly seen: readonly Seen[];
}

/** `wrong`: the connection is another worker's; `right`: it is the owner's. */
export type Landing = "wrong" | "right";

const SHOWN_BYTES = 64 * 1024;

/** The workers of an app that gives out cookies: their tags by pid. */
export async function findTags(
  target: Target,
  count: number,
  path = "/who",
): Promise<Map<number, string>> {
  const tags = new Map<number, string>();
  await until(
    async () => {
      const jar = new Jar();
      const { pid } = await askJson<{ pid: number }>(target, path, { jar });
      const tag = jar.get(STICKY_COOKIE);
      if (tag === undefined) throw new Error("no cookie came");
      tags.set(pid, tag);
      return tags.size >= count;
    },
    { what: `${count} workers to give their cookies`, intervalMs: 1 },
  );
  return tags;
}

export class Stand {
  readonly held: Target & { readonly run: HoldfastRun };
  readonly bare: Target & { readonly output: Output; readonly pid: number };
  readonly tags: ReadonlyMap<number, string>;
  /** Whose sessions the conversations belong to. */
  readonly owner: number;
  #conversations = 0;
  readonly #end: () => Promise<void>;

  private constructor(parts: Pick<Stand, "held" | "bare" | "tags">, end: () => Promise<void>) {
    this.held = parts.held;
    this.bare = parts.bare;
    this.tags = parts.tags;
    this.owner = [...parts.tags.keys()][0] ?? -1;
    this.#end = end;
  }

  static async open(options: StandOptions = {}): Promise<Stand> {
    const { app = "apps/witness.mjs", instances = 3, env = {}, flags = [] } = options;
    const tls = env.TLS !== undefined;
    const [port, barePort] = [await freePort(), await freePort()];
    const words = ["--name", "app", "-i", String(instances), "--min-uptime", "300ms", ...flags];
    const run = runHoldfast(["run", fixture(app), ...words, "--sticky"], {
      env: { ...env, PORT: String(port) },
    });
    const child = spawn(process.execPath, [fixture(app)], {
      env: { PATH: process.env.PATH, ...env, PORT: String(barePort), [MARKER_VARIABLE]: run.id },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const output = new Output(child, "the bare app");
    const end = async (): Promise<void> => {
      child.kill("SIGKILL");
      await output.exited;
      await run.dispose();
      await expectNoLeftovers(run.id);
    };
    try {
      await run.waitForLog((log) => log.msg.startsWith("ready;"));
      const bare = { port: barePort, tls, output, pid: child.pid ?? -1 };
      await until(() => askJson(bare, "/who"), { what: "the bare app" });
      const held = { port, tls, run };
      return new Stand({ held, bare, tags: await findTags(held, instances) }, end);
    } catch (error) {
      await end();
      throw error;
    }
  }

  get cookie(): string {
    return `${STICKY_COOKIE}=${this.tags.get(this.owner)}`;
  }

  /** The conversation with the app alone, and under Holdfast. */
  async both(
    conversation: Conversation,
    landing: Landing = "wrong",
  ): Promise<{ bare: Outcome; held: Outcome }> {
    const id = `c${this.#conversations++}`;
    const bare = await this.#play(await this.#warm(this.bare), this.bare, id, conversation);
    const wire = await this.land(landing);
    const held = await this.#play(wire, this.held, id, conversation);
    return { bare, held };
  }

  /** A connection whose first request, without a session, has been answered by the owner, or by another. */
  async land(landing: Landing): Promise<Wire> {
    for (let tries = 0; tries < 200; tries += 1) {
      const wire = await Wire.to(this.held);
      wire.send("GET /who HTTP/1.1\r\nHost: example.test\r\n\r\n");
      const { pid } = JSON.parse((await wire.response()).body.toString()) as { pid: number };
      wire.forget();
      if ((pid === this.owner) === (landing === "right")) return wire;
      wire.close();
    }
    throw new Error(`200 connections, and none of them ${landing}`);
  }

  async #warm(target: Target): Promise<Wire> {
    const wire = await Wire.to(target);
    wire.send("GET /who HTTP/1.1\r\nHost: example.test\r\n\r\n");
    await wire.response();
    wire.forget();
    return wire;
  }

  async #play(
    wire: Wire,
    side: Stand["held"] | Stand["bare"],
    id: string,
    conversation: Conversation,
  ): Promise<Outcome> {
    const isHeld = "run" in side;
    const lines = isHeld ? side.run.stdout : side.output.stdout;
    const pid = isHeld ? this.owner : side.pid;
    const seen = (): Seen[] =>
      lines
        .filter((line) => line.startsWith("seen ") && line.includes(`"id":"${id}"`))
        .map((line) =>
          placed(JSON.parse(line.slice(5)) as Seen, {
            pid,
            port: side.port,
            client: wire.localPort,
          }),
        );
    const told = async (count: number): Promise<readonly Seen[]> => {
      await until(() => seen().length >= count, {
        what: `the app to tell ${count} things of ${id}`,
      });
      return seen();
    };
    const closed = async (): Promise<void> => {
      await until(() => seen().some((each) => each.closed !== undefined), {
        what: `the app to tell that the WebSocket of ${id} is closed`,
      });
    };
    try {
      await conversation(wire, { cookie: this.cookie, id, told, closed });
      return { bytes: shown(wire.received), end: wire.end, seen: ordered(seen()) };
    } finally {
      wire.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
  }
}

/** Pipelined requests end as they do: only who spoke to whom first is told in the order of the telling. */
function ordered(seen: readonly Seen[]): readonly Seen[] {
  const ended = seen.filter(({ finished }) => finished !== undefined);
  const urlOf = ({ url }: Seen): string => String(url);
  return [
    ...ended.sort((one, other) => urlOf(one).localeCompare(urlOf(other))),
    ...seen.filter(({ finished }) => finished === undefined),
  ];
}

/** Without dates: of a second answer, too, which another second may have begun for. */
function shown(received: Buffer): string {
  const text = received.toString("latin1").replace(/^date: .*\r\n/gim, "");
  if (text.length <= SHOWN_BYTES) return text;
  const head = text.indexOf("\r\n\r\n");
  const rest = text.slice(head);
  const digest = createHash("sha256").update(rest, "latin1").digest("hex");
  return `${text.slice(0, head)} ${rest.length} ${digest}`;
}

/** What is another each time, in words where it is what it should be. */
function placed(seen: Seen, right: { pid: number; port: number; client: number }): Seen {
  const words = { ...seen };
  if (seen.pid === right.pid) words.pid = "the owner";
  if (seen.localPort === right.port) words.localPort = "the app's";
  if (seen.remotePort === right.client) words.remotePort = "the client's";
  return words;
}
