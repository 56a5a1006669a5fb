import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { select } from "../../src/core/targets.ts";

const apps = [
  { name: "api", namespace: "shop", instances: 2 },
  { name: "api-admin", namespace: "shop", instances: 1 },
  { name: "mail", namespace: "default", instances: 3 },
  { name: "default", namespace: "other", instances: 1 },
];
const names = (...words: string[]) =>
  select(words, apps).targets.map(({ app, slots }) =>
    slots === "all" ? app : `${app}:${slots.join(",")}`,
  );

describe("targets", () => {
  it("are names, slots, namespaces, globs and all", () => {
    expect(names("api")).toEqual(["api"]);
    expect(names("mail:2", "mail:0", "mail:2")).toEqual(["mail:0,2"]);
    expect(names("shop")).toEqual(["api", "api-admin"]);
    expect(names("api*")).toEqual(["api", "api-admin"]);
    expect(names("*a?i*")).toEqual(["api", "api-admin", "mail"].filter((n) => /a.i/.test(n)));
    expect(names("*:0")).toEqual(["api:0", "api-admin:0", "mail:0", "default:0"]);
    expect(names("all")).toEqual(["api", "api-admin", "mail", "default"]);
  });
  it("prefer a name to a namespace, and the whole app to its slots", () => {
    expect(names("default")).toEqual(["default"]);
    expect(names("mail:1", "mail")).toEqual(["mail"]);
  });
  it("that name nothing are told, all never is", () => {
    expect(select(["nope", "api", "mail:3", "x*"], apps).unknown).toEqual(["nope", "mail:3", "x*"]);
    expect(select(["all"], [])).toEqual({ targets: [], unknown: [] });
  });
  it("globs mean what they mean elsewhere", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", "-"), maxLength: 8 });
    const glob = fc.string({ unit: fc.constantFrom("a", "b", "-", "*", "?"), maxLength: 8 });
    fc.assert(
      fc.property(glob, text, (pattern, name) => {
        fc.pre(/[*?]/.test(pattern) && name.length > 0);
        const source = pattern.replaceAll(/[*?-]/g, (c) =>
          c === "*" ? ".*" : c === "?" ? "." : "\\-",
        );
        const found = select([pattern], [{ name, namespace: "n", instances: 1 }]).targets.length;
        expect(found === 1).toBe(new RegExp(`^${source}$`).test(name));
      }),
    );
  });
});
