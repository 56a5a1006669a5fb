/** Clients come back to another worker, with their session and all that they have missed. */

import { describe, expect, it } from "vitest";
import { FAULTLESS, judge } from "../support/examples/judge.ts";
import { until } from "../support/until.ts";
import { type Client, Stand } from "./stand.ts";

/** Says numbers to all, each until the server has passed it on: what was not acknowledged is a new number. */
class Speaker {
  readonly said: number[] = [];
  readonly unsure = new Set<number>();
  #isOver = false;
  readonly #done: Promise<void>;

  readonly #event: string;

  constructor(client: Client, room: string | null = null, event = "number") {
    this.#event = event;
    this.#done = this.#speak(client, room);
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#done;
  }

  async #speak(client: Client, room: string | null): Promise<void> {
    for (let n = 1; !this.#isOver; n += 1) {
      this.unsure.add(n);
      try {
        await client.call("say", room, this.#event, n);
        this.said.push(n);
        this.unsure.delete(n);
      } catch {
        // Its worker has gone meanwhile: it was said or not.
      }
    }
  }

  /** Whether all clients have heard each number once, in order; those that nobody is sure of at most once. */
  verdict(client: Client): unknown {
    const heard = client.heard<number>(this.#event);
    const sure = heard.filter((n) => !this.unsure.has(n));
    const twice = heard.filter((n, index) => this.unsure.has(n) && heard.indexOf(n) !== index);
    return { ...judge(this.said, sure), twice };
  }

  async reaches(clients: readonly Client[]): Promise<void> {
    const last = this.said.at(-1) as number;
    await until(() => clients.every((client) => client.heard(this.#event).includes(last)), {
      what: `number ${last} at all clients`,
    });
  }
}

const GOOD = { ...FAULTLESS, twice: [] };

describe("a client whose worker goes", () => {
  it("has its session back after a reload, and has missed nothing", async () => {
    const stand = await Stand.start();
    const clients = [...(await stand.clients()), ...(await stand.clients())];
    for (const [index, client] of clients.entries()) {
      await client.call("join", "room", `own-${index}`);
      await client.call("set", { name: `client ${index}` });
    }
    const ids = clients.map(({ socket }) => socket.id);
    const speaker = new Speaker(clients[0] as Client, "room");
    for (let round = 1; round <= 3; round += 1) await stand.reload();
    await speaker.end();
    await speaker.reaches(clients);
    for (const [index, client] of clients.entries()) {
      expect(client.recoveries.slice(1)).toEqual(client.recoveries.slice(1).map(() => true));
      expect(speaker.verdict(client)).toEqual(GOOD);
      expect(client.socket.id).toBe(ids[index]);
      expect(await client.call("rooms")).toEqual([`own-${index}`, "room"]);
      expect(await client.call("data")).toEqual({ name: `client ${index}` });
    }
  });

  it("has its session back after SIGKILL, and has missed nothing", async () => {
    const stand = await Stand.start();
    const clients = [...(await stand.clients()), ...(await stand.clients())];
    for (const [index, client] of clients.entries()) {
      await client.call("join", "room", `own-${index}`);
    }
    const ids = clients.map(({ socket }) => socket.id);
    const speaker = new Speaker(clients[0] as Client, "room");
    for (let round = 0; round < 4; round += 1) {
      await stand.kill((clients[round] as Client).pid);
    }
    await speaker.end();
    await speaker.reaches(clients);
    for (const [index, client] of clients.entries()) {
      expect(client.recoveries.slice(1)).toEqual(client.recoveries.slice(1).map(() => true));
      expect(speaker.verdict(client)).toEqual(GOOD);
      expect(client.socket.id).toBe(ids[index]);
      expect(await client.call("rooms")).toEqual([`own-${index}`, "room"]);
    }
  });
});

describe("the supervisor", () => {
  it("dies, and no broadcast is lost or doubled", async () => {
    const stand = await Stand.start();
    const clients = await stand.clients();
    const speakers = clients.map((client, index) => new Speaker(client, null, `number-${index}`));
    for (let round = 0; round < 3; round += 1) await stand.killSupervisor();
    for (const speaker of speakers) await speaker.end();
    for (const speaker of speakers) {
      await speaker.reaches(clients);
      for (const client of clients) expect(speaker.verdict(client)).toEqual(GOOD);
    }
    expect(clients.map(({ recoveries }) => recoveries)).toEqual(clients.map(() => [false]));
  });

  it("dies with a worker, and clients of that one come back to their sessions", async () => {
    const stand = await Stand.start();
    const clients = await stand.clients();
    const [first, second] = clients as [Client, Client];
    const speakers = [new Speaker(first, null, "one"), new Speaker(second, null, "two")];
    const victim = clients[3] as Client;
    for (let round = 1; round <= 2; round += 1) {
      const { pid } = victim;
      await stand.killSupervisor(pid);
      await until(() => victim.recoveries.length > round, { what: "it to come back" });
      // Its new worker says which one it is a little later.
      await until(() => victim.pid !== pid, { what: "a welcome" });
    }
    for (const speaker of speakers) await speaker.end();
    for (const speaker of speakers) {
      await speaker.reaches(clients);
      for (const client of clients) expect(speaker.verdict(client)).toEqual(GOOD);
    }
    for (const { recoveries } of clients) {
      expect(recoveries.slice(1)).toEqual(recoveries.slice(1).map(() => true));
    }
  });
});
