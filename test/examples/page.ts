/** The chat's page without a browser: its own script, on just enough of a document to run in. */
import { readFileSync } from "node:fs";
import { runInNewContext } from "node:vm";
import { WebSocket } from "ws";

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
  append(...children: (Element | string)[]): void {
    this.children.push(...children);
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
  say(text: string): void;
  close(): void;
}

export function openPage(url: string, name: string): Page {
  const html = readFileSync(new URL("../../examples/chat-ws/index.html", import.meta.url), "utf8");
  const script = /<script>([\s\S]*)<\/script>/.exec(html)?.[1] ?? "";
  const elements = new Map<string, Element>();
  const element = (id: string): Element => {
    const found = elements.get(id) ?? new Element();
    elements.set(id, found);
    return found;
  };
  const sockets: WebSocket[] = [];
  class PageSocket extends WebSocket {
    constructor(address: URL) {
      super(address);
      sockets.push(this);
      this.on("error", () => {});
    }
  }
  let isOpen = true;
  const { protocol, hash, href } = new URL(url);
  runInNewContext(script, {
    document: { getElementById: element, createElement: () => new Element() },
    location: { protocol, hash, href },
    localStorage: { getItem: () => name, setItem: () => {} },
    setTimeout: (task: () => void, ms: number) => setTimeout(() => isOpen && task(), ms),
    window: {},
    ...{ WebSocket: PageSocket, URL, URLSearchParams, performance, clearTimeout },
  });
  return {
    shown: (id) => element(id).text,
    lines: () => element("log").children.map(textOf),
    say(text) {
      element("text").value = text;
      element("form").onsubmit?.({ preventDefault() {} });
    },
    close() {
      isOpen = false;
      for (const socket of sockets) socket.terminate();
    },
  };
}
