/** Imports point one way: which room may use which, and no circles. */
import { posix } from "node:path";
import type { Fault } from "./fault.ts";
import { lineAt, type Source } from "./source.ts";

interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
  readonly line: number;
}

interface Rights {
  /** Patterns over paths below `src`, without `.ts`; `*` is anything. A room may use itself. */
  readonly uses: readonly string[];
  /** What it may name in types only. */
  readonly types?: readonly string[];
  /** Packages, and `node:` for Node's own modules. */
  readonly packages?: readonly string[];
}

/** The rooms of `src`, and `bin`; a file of `src` that is in no folder is a room of its own. */
const ROOMS: Readonly<Record<string, Rights>> = {
  errors: { uses: [] },
  core: { uses: ["errors"], types: ["config/*"] },
  config: { uses: ["errors"], types: ["core/*"], packages: ["croner"] },
  system: { uses: ["errors"], packages: ["node:", "json5"] },
  logs: { uses: ["errors", "core/rotation"], packages: ["node:", "pino"] },
  link: { uses: ["errors"], types: ["core/*"], packages: ["node:", "ws"] },
  agent: { uses: ["core/*", "link/*"], packages: ["node:"] },
  bus: {
    uses: [
      ...["errors", "core/*", "link/*", "agent/hooks"],
      ...["config/kinds", "config/memory", "config/received", "system/places"],
    ],
    types: ["config/*"],
    packages: ["node:", "ws"],
  },
  metrics: {
    uses: ["errors", "core/*", "link/*", "system/*"],
    packages: ["node:", "prom-client", "prom-client/lib/registry.js"],
  },
  admin: {
    uses: ["errors", "config/*", "core/*", "link/*", "metrics/*", "system/*"],
    packages: ["node:", "ws"],
  },
  supervisor: {
    uses: [
      ...["errors", "core/*", "config/*", "system/*", "logs/*", "link/*"],
      ...["bus/*", "metrics/*", "admin/*"],
    ],
    packages: ["node:", "@photostructure/sqlite", "chokidar", "croner", "pino", "ws"],
  },
  cli: {
    uses: [
      ...[
        "errors",
        "index",
        "bus/*",
        "config/*",
        "core/snapshot",
        "core/targets",
        "core/worker",
        "link/*",
        "logs/*",
        "system/*",
      ],
      ...["supervisor/supervisor", "supervisor/background", "supervisor/home-lock"],
      "supervisor/heir/inheritance",
      "supervisor/heir-programs",
      "supervisor/upgrade/fitness",
      "supervisor/restore/orphans",
    ],
    types: ["core/*"],
    packages: ["node:", "commander", "get-east-asian-width", "pino"],
  },
  index: {
    uses: [
      ...["bus", "errors", "supervisor/*", "config/*", "core/worker"],
      ...["logs/rotation", "logs/store"],
    ],
    types: ["core/*", "logs/*"],
  },
  worker: { uses: ["agent/hooks", "bus"] },
  "socket-io": {
    uses: [
      ...["errors", "bus", "bus/worker-bus", "core/socket-io/*"],
      ...["config/kinds", "config/memory", "config/received"],
    ],
    types: ["bus/*", "config/*"],
    packages: ["node:", "socket.io-adapter"],
  },
  "socket.io": { uses: ["socket-io/*"], packages: ["socket.io-adapter"] },
  bin: { uses: ["cli/*"], packages: ["node:"] },
};

export function importFaults(files: readonly Source[]): Fault[] {
  return files.flatMap((file) =>
    importsOf(file).flatMap((found) => {
      const refusal = refusalOf(file.path, found);
      return refusal === null
        ? []
        : [{ rule: "imports", file: file.path, line: found.line, ...refusal }];
    }),
  );
}

/**
 * Every circle of imports, named once, at its alphabetically first file. Types are gone when the
 * code runs: they make no circle.
 */
export function circleFaults(files: readonly Source[]): Fault[] {
  const known = new Set(files.map((file) => file.path));
  const edges = new Map(
    files.map((file) => [
      file.path,
      importsOf(file)
        .filter((found) => !found.typeOnly)
        .map((found) => targetOf(file.path, found.specifier))
        .filter((target) => target !== null && known.has(target)) as string[],
    ]),
  );
  const circles = new Map<string, string[]>();
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) {
      const circle = trail.slice(start);
      circles.set([...circle].sort().join(" "), circle);
    } else if (!done.has(path)) {
      for (const next of edges.get(path) ?? []) visit(next, [...trail, path]);
      done.add(path);
    }
  };
  for (const path of edges.keys()) visit(path, []);
  return [...circles.values()].map((circle) => ({
    rule: "circles",
    file: [...circle].sort()[0] as string,
    line: 1,
    what: `imports run in a circle: ${[...circle, circle[0]].join(" -> ")}`,
    mend: "Move what both need into a file that imports neither",
  }));
}

const statement = /\b(?:import|export)\s*(type\b)?([^;"']*?\bfrom\s*)?["']|\bimport\s*\(\s*["']/g;

/** The imports of a file, re-exports and `import("...")` among them. */
function importsOf(file: Source): Import[] {
  return [...file.code.matchAll(statement)].flatMap((match) => {
    const [all, typeWord, clause] = match;
    const isExport = all.startsWith("export");
    if (isExport && clause === undefined) return [];
    const start = match.index + all.length;
    const quote = file.code[start - 1] as string;
    const names = /\{([^}]*)\}/
      .exec(clause ?? "")?.[1]
      ?.split(",")
      .filter((name) => name.trim());
    const onlyTypeNames =
      names !== undefined &&
      /^\s*\{[^}]*\}\s*from\s*$/.test(clause ?? "") &&
      names.every((name) => /^\s*type\s/.test(name));
    return [
      {
        specifier: file.text.slice(start, file.text.indexOf(quote, start)),
        typeOnly: typeWord !== undefined || onlyTypeNames,
        line: lineAt(file.text, start),
      },
    ];
  });
}

/** The file a relative specifier names, from the root; null for packages. */
function targetOf(from: string, specifier: string): string | null {
  if (!specifier.startsWith(".")) return null;
  return posix.join(posix.dirname(from), specifier);
}

function roomOf(path: string): string {
  const inner = path.replace(/^src\//, "").replace(/\.ts$/, "");
  return inner.split("/")[0] as string;
}

function refusalOf(path: string, found: Import): { what: string; mend: string } | null {
  const room = roomOf(path);
  const rights = ROOMS[room];
  if (rights === undefined) {
    return {
      what: `the room "${room}" has no entry in the table of rooms`,
      mend: "Say in test/tidy/imports.ts what it may import",
    };
  }
  const target = targetOf(path, found.specifier);
  if (target === null) return packageRefusal(room, rights, found.specifier);
  if (roomOf(target) === room) return null;
  const inner = target.replace(/^src\//, "").replace(/\.ts$/, "");
  const may = (patterns: readonly string[] = []) =>
    patterns.some((pattern) =>
      pattern.endsWith("*") ? inner.startsWith(pattern.slice(0, -1)) : inner === pattern,
    );
  if (may(rights.uses)) return null;
  if (may(rights.types)) {
    if (found.typeOnly) return null;
    return {
      what: `${room} may name ${found.specifier} in types only`,
      mend: 'Write "import type", or pass the value in from outside',
    };
  }
  const allowed = [...rights.uses, ...(rights.types ?? []).map((type) => `${type} (types)`)];
  return {
    what: `${room} may not import ${found.specifier}`,
    mend: `It may use ${allowed.join(", ") || "nothing"} and itself: pass it in from outside, or move the code to the room it belongs to`,
  };
}

function packageRefusal(
  room: string,
  rights: Rights,
  specifier: string,
): { what: string; mend: string } | null {
  const packages = rights.packages ?? [];
  const fits = packages.some((name) =>
    name === "node:" ? specifier.startsWith(name) : specifier === name,
  );
  if (fits) return null;
  return {
    what: `${room} may not import ${specifier}`,
    mend: `It may use ${packages.join(", ") || "no package and no module of Node"}: put the call behind a port in a room that may`,
  };
}
