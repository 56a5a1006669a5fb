/** The chat's page without a browser: its own scripts, on just enough of a document to run in. */
import { readFileSync } from "node:fs";
import { runInNewContext } from "node:vm";
import { WebSocket } from "ws";
import { clientOf, type OpenChat } from "./chatters.ts";

class Element {
  textContent = "";
  value = "";
  className = "";
  hidden = false;
  disabled = false;
  scrollHeight = 0;
  scrollTop = 0;
  clientHeight = 0;
  onsubmit: ((event: { preventDefault(): void }) => void) | null = null;
  readonly dataset: Record<string, string> = {};
  readonly children: (Element | string)[] = [];
  #parent: Element | null = null;
  append(...children: (Element | string)[]): void {
    for (const child of children) {
      if (typeof child !== "string") {
        child.remove();
        child.#parent = this;
      }
      this.children.push(child);
    }
  }
  remove(): void {
    const { children = [] } = this.#parent ?? {};
    if (children.includes(this)) children.splice(children.indexOf(this), 1);
    this.#parent = null;
  }
  replaceChildren(): void {
    this.children.length = 0;
  }
  focus(): void {}
  get text(): string {
    return this.textContent + this.children.map(textOf).join(" ");
  }
}

function textOf(child: Element | string): string {
  return typeof child === "string" ? child : child.text;
}

export interface Page {
  /** What stands in the element of that id. */
  shown(id: string): string;
  /** The lines of the conversation. */
  lines(): string[];
  /** How many of them are its own, and have not come back as everybody sees them. */
  waiting(): number;
  say(text: string): void;
  close(): void;
}

export async function openPage(url: string, name: string, client?: OpenChat): Promise<Page> {
  const html = readFileSync(new URL("../../examples/chat-ws/index.html", import.meta.url), "utf8");
  const module = /<script type="module">([\s\S]*)<\/script>/.exec(html)?.[1] ?? "";
  const script = module.replace('import { openChat } from "./client.mjs";', "");
  const open = client ?? (await clientOf("chat-ws"));
  const chats: ReturnType<OpenChat>[] = [];
  const elements = new Map<string, Element>();
  const element = (id: string): Element => {
    const found = elements.get(id) ?? new Element();
    elements.set(id, found);
    return found;
  };
  const openChat: OpenChat = (options) => {
    const chat = open({ ...options, WebSocket });
    chats.push(chat);
    return chat;
  };
  const { hash, search, href } = new URL(url);
  runInNewContext(script, {
    document: { getElementById: element, createElement: () => new Element() },
    location: { hash, search, href },
    localStorage: { getItem: () => name, setItem: () => {} },
    window: {},
    ...{ openChat, URLSearchParams, setTimeout, clearTimeout },
  });
  return {
    shown: (id) => element(id).text,
    lines: () => element("log").children.map(textOf),
    waiting: () =>
      element("log").children.filter((line) => /\bwaiting\b/.test((line as Element).className))
        .length,
    say(text) {
      element("text").value = text;
      element("form").onsubmit?.({ preventDefault() {} });
    },
    close() {
      for (const chat of chats) chat.close();
    },
  };
}
