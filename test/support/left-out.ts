/** The end of every test run names the tests that were left out, each with its reason: nothing is missing unseen. */

import { readFileSync } from "node:fs";
import type { Reporter, TestCase, TestModule, TestSuite } from "vitest/node";

/** As test/tidy asks for it: on the line of a test that may be left out, or on the one above. */
const REASON = /\/\/ skip: (.+?)\.?$/;

/** A reporter of Vitest's, to go beside the default one. */
export class LeftOut implements Reporter {
  readonly #write: (text: string) => void;
  #pattern: RegExp | undefined;

  constructor(write: (text: string) => void = (text) => void process.stdout.write(text)) {
    this.#write = write;
  }

  onInit(vitest: { readonly config: { readonly testNamePattern?: RegExp } }): void {
    this.#pattern = vitest.config.testNamePattern;
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const lines = modules.flatMap((module) => this.#linesOf(module));
    this.#write(`${lines.length > 0 ? lines.join("\n") : "Nothing was left out."}\n\n`);
  }

  #linesOf(module: TestModule): readonly string[] {
    const skipped = [...module.children.allTests("skipped")].filter((test) => this.#isAsked(test));
    if (skipped.length === 0) return [];
    const source = readFileSync(module.moduleId, "utf8").split("\n");
    return skipped
      .toSorted((a, b) => (a.location?.line ?? 0) - (b.location?.line ?? 0))
      .map((test) => {
        const why = reasonOf(test, source) ?? "no reason is given";
        return `Left out: ${test.fullName}: ${why} (${module.relativeModuleId})`;
      });
  }

  /** With `-t` all other tests count as skipped, and nobody has asked for them. */
  #isAsked({ fullName }: TestCase): boolean {
    return this.#pattern === undefined || this.#pattern.test(fullName.replaceAll(" > ", " "));
  }
}

/** What the test itself said when it left, or what stands above it or above what it is in. */
function reasonOf(test: TestCase, source: readonly string[]): string | undefined {
  const result = test.result();
  if (result.state === "skipped" && result.note) return result.note;
  let node: TestCase | TestSuite | TestModule = test;
  while (node.type !== "module") {
    const line: number = node.location?.line ?? 0;
    const found = [source[line - 1], source[line - 2]].map((text) => REASON.exec(text ?? "")?.[1]);
    const reason = found.find((each) => each !== undefined);
    if (reason !== undefined) return reason;
    node = node.parent;
  }
  return undefined;
}
