/**
 * Subjects of the bus: dotted tokens. In a pattern a token may be `*` (one token), the last one `>` (one or
 * more). Pure; `SubjectTree.match` runs for each message.
 */

const LONGEST = 255;
const SUBJECT = /^[A-Za-z0-9_$:-]+(?:\.[A-Za-z0-9_$:-]+)*$/;
const TOKEN = /^[A-Za-z0-9_$:-]+$/;

/** So many subjects have their list at hand; one more and all are dropped: a bound that costs nothing to keep. */
export const CACHED_SUBJECTS = 10_000;

/** What is wrong with a subject, as the end of a sentence ("it is empty"); null: nothing. */
export function subjectFault(text: string): string | null {
  if (text.length <= LONGEST && SUBJECT.test(text)) return null;
  return faultOf(text, false);
}

/** What is wrong with a pattern, as the end of a sentence; null: nothing. Every subject is a pattern, too. */
export function patternFault(text: string): string | null {
  if (text.length <= LONGEST && SUBJECT.test(text)) return null;
  return faultOf(text, true);
}

function faultOf(text: string, isPattern: boolean): string | null {
  if (text === "") return "it is empty";
  if (text.length > LONGEST) return `it has ${text.length} characters, at most ${LONGEST} may be`;
  const tokens = text.split(".");
  for (const [index, token] of tokens.entries()) {
    if (token === "") return `its token ${index + 1} is empty`;
    if (TOKEN.test(token)) continue;
    const isWild = token === "*" || token === ">";
    if (isWild && !isPattern) return `"${token}" may stand in a pattern only`;
    if (token === ">" && index < tokens.length - 1) return '">" may only be its last token';
    if (!isWild)
      return `its token ${JSON.stringify(token)} has other characters than A-Z a-z 0-9 _ $ : -`;
  }
  return null;
}

/** Why a client may not publish what `isOwnSubject`, as the end of a sentence. */
export const OWN_SUBJECT_FAULT = "what begins with sys. is published by the supervisor alone";

/** Whether the supervisor alone publishes it. */
export function isOwnSubject(subject: string): boolean {
  return subject.startsWith("sys.");
}

/** Whether a subject is one of a pattern's. Both without a fault. */
export function matches(pattern: string, subject: string): boolean {
  let at = 0;
  let of = 0;
  for (;;) {
    const end = endOfToken(subject, at);
    const endOf = endOfToken(pattern, of);
    const wanted = pattern.slice(of, endOf);
    if (wanted === ">") return true;
    if (wanted !== "*" && wanted !== subject.slice(at, end)) return false;
    if (end === subject.length || endOf === pattern.length) {
      return end === subject.length && endOf === pattern.length;
    }
    at = end + 1;
    of = endOf + 1;
  }
}

function endOfToken(text: string, from: number): number {
  const dot = text.indexOf(".", from);
  return dot < 0 ? text.length : dot;
}

interface Entry<T> {
  readonly value: T;
  readonly order: number;
}

interface Node<T> {
  /** By token; `*` and `>` are tokens like others here, as no subject has them. */
  readonly children: Map<string, Node<T>>;
  readonly entries: Entry<T>[];
}

const NONE: readonly never[] = [];

/** Values by pattern, found by subject. */
export class SubjectTree<T> {
  readonly #root: Node<T> = { children: new Map(), entries: [] };
  readonly #found = new Map<string, readonly T[]>();
  #added = 0;
  #size = 0;

  /** How many values are in it. */
  get size(): number {
    return this.#size;
  }

  /** How many subjects have their list at hand. */
  get cached(): number {
    return this.#found.size;
  }

  /** Adds a value. One that is added twice is found twice, and has to be removed twice. */
  add(pattern: string, value: T): void {
    let node = this.#root;
    for (const token of pattern.split(".")) {
      let child = node.children.get(token);
      if (child === undefined) {
        child = { children: new Map(), entries: [] };
        node.children.set(token, child);
      }
      node = child;
    }
    node.entries.push({ value, order: this.#added });
    this.#added += 1;
    this.#size += 1;
    this.#found.clear();
  }

  /** Removes a value from the pattern it was added to; one that is not there changes nothing. */
  remove(pattern: string, value: T): void {
    const tokens = pattern.split(".");
    const path = [this.#root];
    for (const token of tokens) {
      const child = path.at(-1)?.children.get(token);
      if (child === undefined) return;
      path.push(child);
    }
    const entries = path.at(-1)?.entries ?? [];
    const index = entries.findIndex((entry) => entry.value === value);
    if (index < 0) return;
    entries.splice(index, 1);
    this.#size -= 1;
    this.#found.clear();
    for (let depth = tokens.length; depth > 0; depth -= 1) {
      const node = path[depth] as Node<T>;
      if (node.entries.length > 0 || node.children.size > 0) return;
      path[depth - 1]?.children.delete(tokens[depth - 1] as string);
    }
  }

  /** The values of all patterns a subject fits, in the order they were added. The same list until the tree changes. */
  match(subject: string): readonly T[] {
    if (this.#size === 0) return NONE;
    const known = this.#found.get(subject);
    if (known !== undefined) return known;
    const found = this.search(subject);
    if (this.#found.size >= CACHED_SUBJECTS) this.#found.clear();
    this.#found.set(subject, found);
    return found;
  }

  /** The same, searched anew: for callers that keep what they make of it. */
  search(subject: string): readonly T[] {
    if (this.#size === 0) return NONE;
    const entries: Entry<T>[] = [];
    collect(this.#root, subject.split("."), 0, entries);
    if (entries.length === 0) return NONE;
    if (entries.length > 1) entries.sort((one, other) => one.order - other.order);
    return entries.map((entry) => entry.value);
  }
}

function collect<T>(node: Node<T>, tokens: readonly string[], at: number, found: Entry<T>[]): void {
  if (at === tokens.length) {
    for (const entry of node.entries) found.push(entry);
    return;
  }
  for (const entry of node.children.get(">")?.entries ?? NONE) found.push(entry);
  const one = node.children.get("*");
  if (one !== undefined) collect(one, tokens, at + 1, found);
  const same = node.children.get(tokens[at] as string);
  if (same !== undefined) collect(same, tokens, at + 1, found);
}
