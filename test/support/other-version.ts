import { cpSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "./holdfast.ts";

/** The built package once more, below `folder`, with another number. */
export interface OtherVersion {
  readonly version: string;
  /** Its command line, for `CommandOptions.program`. */
  readonly program: readonly string[];
  /** Puts this text in the place of a file of its dist folder. */
  replace(file: string, text: string): void;
}

export function otherVersion(folder: string, version: string): OtherVersion {
  const copy = mkdtempSync(join(folder, `holdfast-${version}-`));
  cpSync(join(projectRoot, "dist"), join(copy, "dist"), { recursive: true });
  const manifest = JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8"));
  writeFileSync(join(copy, "package.json"), JSON.stringify({ ...manifest, version }));
  symlinkSync(join(projectRoot, "node_modules"), join(copy, "node_modules"));
  return {
    version,
    program: [process.execPath, join(copy, "dist/bin/holdfast.cjs")],
    replace: (file, text) => writeFileSync(join(copy, "dist", file), text),
  };
}
