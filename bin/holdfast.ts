#!/usr/bin/env node
import module from "node:module";

(module as { enableCompileCache?(): unknown }).enableCompileCache?.();
const { main } = await import("../src/cli/main.ts");
process.exitCode = await main(process.argv.slice(2));
