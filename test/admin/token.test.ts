/** Where the token is taken from, and when there must be one. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { tokenOf } from "../../src/admin/token.ts";

const directory = mkdtempSync(join(tmpdir(), "hf-token-"));
const file = (name: string, text: string): string => {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
};
const listen = { host: "127.0.0.1", port: 0 };
const outside = { host: "0.0.0.0", port: 9464 };
const TOKEN = "0123456789abcdef";
const OTHER = "fedcba9876543210";

afterAll(() => rmSync(directory, { recursive: true }));

describe("the token", () => {
  it("is what is given, before the file's and the variable's", () => {
    const env = { HOLDFAST_ADMIN_TOKEN: OTHER };
    const path = file("good", `${TOKEN}\n`);
    expect(tokenOf({ listen, token: TOKEN, tokenFile: null }, env)).toBe(TOKEN);
    expect(tokenOf({ listen, token: null, tokenFile: path }, env)).toBe(TOKEN);
    expect(tokenOf({ listen, token: null, tokenFile: null }, env)).toBe(OTHER);
  });

  it("may be missing on loopback only", () => {
    expect(tokenOf({ listen, token: null, tokenFile: null }, {})).toBeNull();
    expect(() =>
      tokenOf({ listen: outside, token: null, tokenFile: null }, { HOLDFAST_ADMIN_TOKEN: "" }),
    ).toThrow(expect.objectContaining({ code: "HF_ADMIN_UNPROTECTED" }));
  });

  it.each([
    ["missing", () => join(directory, "none"), "ENOENT"],
    ["empty", () => file("empty", "\n"), "is not a token"],
    ["short", () => file("short", "secret"), "is not a token"],
    ["of several lines", () => file("lines", `${TOKEN}\n${TOKEN}`), "is not a token"],
  ])("a file that is %s is told, and not what is in it", (_, path, reason) => {
    const read = (): unknown => tokenOf({ listen, token: null, tokenFile: path() }, {});
    expect(read).toThrow(expect.objectContaining({ code: "HF_ADMIN_TOKEN_INVALID" }));
    expect(read).toThrow(reason);
    expect(read).not.toThrow(/secret/);
  });

  it("a file that may not be read is told", (context) => {
    context.skip(process.getuid?.() === 0, "root may read everything");
    const path = file("closed", TOKEN);
    chmodSync(path, 0);
    expect(() => tokenOf({ listen, token: null, tokenFile: path }, {})).toThrow("EACCES");
  });

  it("a variable that is too short is told by its name", () =>
    expect(() =>
      tokenOf({ listen, token: null, tokenFile: null }, { HOLDFAST_ADMIN_TOKEN: "short" }),
    ).toThrow("HOLDFAST_ADMIN_TOKEN"));
});
