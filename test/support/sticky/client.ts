/** HTTP as a browser speaks it: cookies are kept and sent back, connections are kept. */

import http from "node:http";
import https from "node:https";
import type { Target } from "../load.ts";

/** The cookie that names a session's worker, unless an app is told to use another. */
export const STICKY_COOKIE = "holdfast-app";

/** Cookies by name; what else is said about them is not looked at. */
export class Jar {
  readonly #cookies = new Map<string, string>();

  get header(): string {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  }

  get(name: string): string | undefined {
    return this.#cookies.get(name);
  }

  set(name: string, value: string): this {
    this.#cookies.set(name, value);
    return this;
  }

  take(lines: readonly string[] = []): void {
    for (const line of lines) {
      const [, name, value] = /^([^=;]+)=([^;]*)/.exec(line) ?? [];
      if (name !== undefined && value !== undefined) this.#cookies.set(name.trim(), value.trim());
    }
  }
}

export interface AskOptions {
  readonly jar?: Jar;
  readonly headers?: Readonly<Record<string, string>>;
  readonly method?: string;
  readonly body?: string | Buffer;
  /** A connection of its own unless given. */
  readonly agent?: http.Agent | undefined;
  readonly timeoutMs?: number;
  readonly localAddress?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/** The head of an answer; its body is still to be read. Rejects with the socket's error. */
export function open(
  target: Target,
  path: string,
  options: AskOptions = {},
): Promise<http.IncomingMessage> {
  const { jar, agent = false, timeoutMs = 10_000, body, localAddress } = options;
  const cookie = jar?.header ? { cookie: jar.header } : {};
  return new Promise((resolve, reject) => {
    const request = (target.tls ? https : http).request({
      ...{ host: "127.0.0.1", ...target, path, agent, rejectUnauthorized: false },
      ...{ method: options.method ?? "GET", headers: { ...cookie, ...options.headers } },
      ...(localAddress && { localAddress }),
    });
    request.setTimeout(timeoutMs, () =>
      request.destroy(new Error(`nothing came for ${timeoutMs} ms`)),
    );
    request.once("error", reject);
    request.once("response", (response) => {
      jar?.take(response.headers["set-cookie"]);
      resolve(response);
    });
    request.end(body);
  });
}

/** A whole answer. */
export async function ask(target: Target, path: string, options: AskOptions = {}): Promise<Answer> {
  const response = await open(target, path, options);
  let body = "";
  for await (const chunk of response.setEncoding("utf8")) body += chunk;
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}

/** The JSON of an answer that must be a good one. */
export async function askJson<T>(
  target: Target,
  path: string,
  options: AskOptions = {},
): Promise<T> {
  const { status, body } = await ask(target, path, options);
  if (status !== 200) throw new Error(`status ${status}: ${body.slice(0, 200)}`);
  return JSON.parse(body) as T;
}
