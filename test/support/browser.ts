import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import {
  type BrowserContext,
  chromium,
  type Page,
  type Browser as PlaywrightBrowser,
} from "playwright-core";

const WINDOW = { width: 600, height: 640 };
const GAP = 16;
const NAMES = ["chromium", "chromium-browser", "google-chrome"];

/** Where it is found by PATH. */
function chromiumPath(): string | undefined {
  const folders = (process.env.PATH ?? "").split(":").filter((folder) => folder !== "");
  const files = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  return files.find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Whether this machine has Chromium, of Debian's package `chromium` or another. */
export function hasChromium(): boolean {
  return chromiumPath() !== undefined;
}

/** A Chromium that nobody sees, with a profile of its own; both are gone after it. */
export class Browser {
  readonly #browser: PlaywrightBrowser;
  readonly #context: BrowserContext;

  private constructor(browser: PlaywrightBrowser, context: BrowserContext) {
    this.#browser = browser;
    this.#context = context;
  }

  static async open(): Promise<Browser> {
    const executablePath = chromiumPath();
    if (executablePath === undefined) throw new Error("there is no Chromium");
    // Its sandbox needs another user than root.
    const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
    const browser = await chromium.launch({ executablePath, args });
    return new Browser(browser, await browser.newContext({ viewport: WINDOW }));
  }

  /** What a page logs as an error or throws ends up in `complaints`. */
  async visit(url: string, complaints: string[]): Promise<Page> {
    const page = await this.#context.newPage();
    page.on("pageerror", (error) => complaints.push(String(error)));
    await page.goto(url);
    return page;
  }

  /** One picture of all the pages, beside each other. */
  async photograph(pages: readonly Page[], file: string): Promise<void> {
    const shots = await Promise.all(pages.map((page) => page.screenshot()));
    const images = shots.map(
      (shot) => `<img src="data:image/png;base64,${shot.toString("base64")}">`,
    );
    const wall = await this.#context.newPage();
    const width = pages.length * (WINDOW.width + GAP) - GAP;
    await wall.setViewportSize({ width, height: WINDOW.height });
    await wall.setContent(
      `<body style="margin:0;display:flex;gap:${GAP}px;background:#8b95a1">${images.join("")}</body>`,
    );
    await wall.screenshot({ path: file });
    await wall.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
  }
}
