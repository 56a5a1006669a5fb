/** Where output goes. Pure data. */

import { flag } from "../kinds.ts";
import { logFileKind } from "../log-file.ts";
import type { Options } from "./option.ts";

export const LOGS_OPTIONS: Options<"outFile" | "errorFile" | "mergeLogs"> = {
  outFile: {
    name: "outFile",
    kind: logFileKind,
    default: null,
    why: "holdfast logs finds it there",
    cli: { flag: "--out-file", placeholder: "path" },
    pm2: [{ name: "out_file" }, { name: "out" }, { name: "output" }, { name: "out_log" }],
    description: "Where the app's standard output is kept.",
    change: "reload",
  },
  errorFile: {
    name: "errorFile",
    kind: logFileKind,
    default: null,
    why: "holdfast logs finds it there",
    cli: { flag: "--error-file", placeholder: "path" },
    pm2: [
      { name: "error_file" },
      { name: "error" },
      { name: "err" },
      { name: "err_file" },
      { name: "err_log" },
    ],
    description: "Where the app's standard error is kept.",
    change: "reload",
  },
  mergeLogs: {
    name: "mergeLogs",
    kind: flag(),
    default: false,
    why: "each slot's lines stay together",
    cli: { flag: "--merge-logs" },
    pm2: [{ name: "merge_logs" }, { name: "combine_logs" }],
    description: "One file for all slots instead of one for each.",
    change: "reload",
  },
};
