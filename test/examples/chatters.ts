/** People who talk in the chats' rooms, each by the example's own client, and what each of them heard of the others. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Example } from "../support/examples/example.ts";
import { FAULTLESS, judge, type Verdict } from "../support/examples/judge.ts";
import { projectRoot } from "../support/holdfast.ts";
import { until } from "../support/until.ts";

const SAID_EVERY_MS = 100;
/** Said and not accepted yet, of each. */
const MOST_UNDER_WAY = 3;
const WITHIN_MS = 60_000;

interface Message {
  readonly id: string;
  readonly from: string;
  readonly text: string;
  readonly missed: number;
}

interface Welcome {
  readonly worker: { readonly slot: number; readonly pid: number };
  readonly back: { readonly code: number | null } | null;
  readonly isRecovered?: boolean;
}

export interface ChatOptions {
  readonly url: string;
  readonly room: string;
  readonly name: string;
  readonly WebSocket?: unknown;
  readonly on: {
    welcome(event: Welcome): void;
    message(message: Message): void;
    settled(id: string, seq: number | null): void;
  };
}

export type OpenChat = (options: ChatOptions) => { say(text: string): string; close(): void };

/** What opens a window's side of the chat, from the example's own `client.mjs`. */
export async function clientOf(example: string): Promise<OpenChat> {
  const file = join(projectRoot, "examples", example, "client.mjs");
  return ((await import(pathToFileURL(file).href)) as { openChat: OpenChat }).openChat;
}

/** How many of each, and the first of them. */
function told(verdict: Verdict): string {
  const kinds = Object.entries(verdict) as [string, readonly number[]][];
  const parts = kinds.filter(([, { length }]) => length > 0);
  return parts.map(([kind, all]) => `${all.length} ${kind} (${all.slice(0, 5)} ...)`).join(", ");
}

class Chatter {
  readonly name: string;
  readonly room: string;
  /** The numbers of what it said. */
  said = 0;
  accepted = 0;
  readonly heard: { readonly from: string; readonly number: number }[] = [];
  readonly welcomes: Welcome[] = [];
  missed = 0;
  readonly #chat: ReturnType<OpenChat>;
  readonly #underWay = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(open: OpenChat, options: Pick<ChatOptions, "url" | "room" | "name" | "WebSocket">) {
    this.name = options.name;
    this.room = options.room;
    this.#chat = open({
      ...options,
      on: {
        welcome: (event) => this.welcomes.push(event),
        message: ({ from, text, missed }) => {
          this.heard.push({ from, number: Number(text) });
          this.missed += missed;
        },
        settled: (id) => {
          if (this.#underWay.delete(id)) this.accepted += 1;
        },
      },
    });
  }

  /** It waits for what it said to be accepted. */
  get isStuck(): boolean {
    return this.#underWay.size >= MOST_UNDER_WAY;
  }

  talk(): void {
    this.#timer = setInterval(() => {
      if (!this.isStuck) this.#underWay.add(this.#chat.say(`${++this.said}`));
    }, SAID_EVERY_MS);
  }

  fallSilent(): void {
    clearInterval(this.#timer);
  }

  close(): void {
    this.fallSilent();
    this.#chat.close();
  }
}

export interface CompanyOptions {
  readonly open: OpenChat;
  readonly url: string;
  readonly rooms: readonly string[];
  readonly size: number;
  /** What the nth of them opens the chat with, beside the rest. */
  readonly beside?: (nth: number) => { readonly url?: string; readonly WebSocket?: unknown };
}

/** All of them together. Everyone is in a room before anyone talks. */
export class Company {
  readonly chatters: readonly Chatter[];

  private constructor({ open, url, rooms, size, beside = () => ({}) }: CompanyOptions) {
    this.chatters = Array.from({ length: size }, (_, nth) => {
      const room = rooms[nth % rooms.length] as string;
      return new Chatter(open, { url, room, name: `chatter-${nth}`, ...beside(nth) });
    });
  }

  static async meet(options: CompanyOptions): Promise<Company> {
    const company = new Company(options);
    const { chatters } = company;
    await until(() => chatters.every(({ welcomes }) => welcomes.length > 0), {
      what: "everybody's welcome",
    });
    for (const chatter of chatters) chatter.talk();
    return company;
  }

  /** Resolves when everybody has had so many more messages accepted. */
  async goOn(more = 5): Promise<void> {
    const before = this.chatters.map(({ accepted }) => accepted);
    const isOn = () =>
      this.chatters.every(({ accepted }, nth) => accepted >= (before[nth] ?? 0) + more);
    await until(isOn, { what: "more messages of everybody", timeoutMs: WITHIN_MS });
  }

  /**
   * A worker dies with messages under way: the rooms stand still until it is dead and its clients have said them again,
   * and then get both.
   */
  async killInTheMidst(example: Example): Promise<void> {
    const [first] = this.chatters;
    const [rooms] = await example.workers("rooms");
    if (!first || !rooms?.pid) throw new Error("nobody is there");
    process.kill(rooms.pid, "SIGSTOP");
    try {
      await until(() => this.chatters.every(({ isStuck }) => isStuck), { what: "all to wait" });
      const { length } = first.welcomes;
      await example.kill("chat", first.welcomes.at(-1)?.worker.slot ?? 0);
      await until(() => first.welcomes.length > length, { what: "the first to be back" });
    } finally {
      process.kill(rooms.pid, "SIGCONT");
    }
    await this.goOn();
  }

  /** Resolves when all that was said is accepted, and either heard by all or not for a long while. */
  async end(): Promise<void> {
    for (const chatter of this.chatters) chatter.fallSilent();
    const isAccepted = () => this.chatters.every(({ accepted, said }) => accepted === said);
    await until(isAccepted, { what: "everything to be accepted", timeoutMs: WITHIN_MS });
    const expected = (room: string) => this.#in(room).reduce((sum, { said }) => sum + said, 0);
    const isHeard = () => this.chatters.every(({ heard, room }) => heard.length >= expected(room));
    // What was not heard is found, and told with its number, by `faults`.
    await until(isHeard, { what: "everything to be heard" }).catch(() => {});
  }

  /** Everyone heard all of their room, each message once, each speaker's in their order, and all in the same order. */
  faults(): string[] {
    return this.chatters.flatMap((listener) => {
      const others = this.#in(listener.room);
      const verdicts = others.flatMap(({ name, said }) => {
        const sent = Array.from({ length: said }, (_, index) => index + 1);
        const received = listener.heard.filter(({ from }) => from === name);
        const verdict = judge(
          sent,
          received.map(({ number }) => number),
        );
        const isFaultless = JSON.stringify(verdict) === JSON.stringify(FAULTLESS);
        return isFaultless ? [] : [`${listener.name} of ${name}: ${told(verdict)}`];
      });
      const order = ({ heard }: Chatter) => JSON.stringify(heard);
      const isSame = others.every((other) => order(other) === order(listener));
      const missed = listener.missed > 0 ? [`${listener.name} missed ${listener.missed}`] : [];
      return [...verdicts, ...missed, ...(isSame ? [] : [`${listener.name}: another order`])];
    });
  }

  get said(): number {
    return this.chatters.reduce((sum, { said }) => sum + said, 0);
  }

  /** How often somebody came back, by close code; "none" where there was no close frame. */
  comebacks(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { back } of this.chatters.flatMap(({ welcomes }) => welcomes)) {
      if (back !== null) counts[back.code ?? "none"] = (counts[back.code ?? "none"] ?? 0) + 1;
    }
    return counts;
  }

  /** How many of those who came back were given their session again. */
  recovered(): number {
    return this.chatters.flatMap(({ welcomes }) => welcomes.filter((each) => each.isRecovered))
      .length;
  }

  #in(room: string): readonly Chatter[] {
    return this.chatters.filter((chatter) => chatter.room === room);
  }

  [Symbol.dispose](): void {
    for (const chatter of this.chatters) chatter.close();
  }
}

/** Resolves when another one is in charge. */
export async function killSupervisor({ house }: Example): Promise<void> {
  const pidOf = async () => (await house.overview()).supervisor.pid;
  const before = await pidOf();
  process.kill(before, "SIGKILL");
  await until(async () => (await pidOf()) !== before, { what: "another supervisor" });
}
