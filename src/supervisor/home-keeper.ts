/** What makes a supervisor found, its claim and its socket, is made again when somebody has deleted it. */

import { existsSync } from "node:fs";
import { explained, type HoldfastError } from "../errors.ts";
import type { Logger } from "../logs/log.ts";
import { type Home, prepareHome } from "../system/home.ts";
import { type Answer, type ControlServer, serveControl } from "./control-server.ts";
import { claimHome, ownerOf } from "./home-lock.ts";

/** Two looks at two names cost some microseconds. */
const EVERY_MS = 1000;

export interface HomeServer {
  /** Takes no more clients, tells them why, removes the socket, and gives back a claim that was made again. */
  close(why?: HoldfastError): Promise<void>;
}

/**
 * Answers on the socket of a home that this process has claimed, and looks every second whether it can
 * still be found. Where another supervisor has the home meanwhile it is left to that one. Faults are
 * logged, once until mended. Throws what the system says.
 */
export async function serveHome(
  home: Home,
  { version, log }: { readonly version: string; readonly log: Logger },
  answer: Answer,
): Promise<HomeServer> {
  const server = await serveControl(home.socket, version, answer);
  const keeper = new HomeKeeper(home, server, log);
  const timer = setInterval(() => keeper.look(), EVERY_MS).unref();
  return {
    async close(why) {
      clearInterval(timer);
      await keeper.settled();
      await server.close(why);
      keeper.giveBack();
    },
  };
}

class HomeKeeper {
  readonly #home: Home;
  readonly #server: ControlServer;
  readonly #log: Logger;
  #underWay: Promise<void> | null = null;
  #fault = "";
  giveBack: () => void = () => {};

  constructor(home: Home, server: ControlServer, log: Logger) {
    this.#home = home;
    this.#server = server;
    this.#log = log;
  }

  look(): void {
    if (this.#underWay || (existsSync(this.#home.socket) && existsSync(this.#home.pidFile))) return;
    this.#underWay = this.#mend().finally(() => {
      this.#underWay = null;
    });
  }

  async settled(): Promise<void> {
    await this.#underWay;
  }

  async #mend(): Promise<void> {
    const { directory, socket } = this.#home;
    try {
      prepareHome(this.#home);
      if (ownerOf(this.#home)?.pid !== process.pid) this.giveBack = claimHome(this.#home);
      if (!existsSync(socket)) await this.#server.renew();
      this.#fault = "";
      this.#log.warn({ home: directory }, "files of the home were deleted; they are there again");
    } catch (error) {
      const { code, message } = explained(error);
      if (message !== this.#fault) this.#log.error({ code }, `the home is not mended: ${message}`);
      this.#fault = message;
    }
  }
}
