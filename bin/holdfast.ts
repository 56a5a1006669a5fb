#!/usr/bin/env node
import module from "node:module";

(module as { enableCompileCache?(): unknown }).enableCompileCache?.();
void import("../src/cli/main.ts")
  .then(({ main }) => main(process.argv.slice(2)))
  .then((status) => {
    process.exitCode = status;
  });
