/** `holdfast init`: a configuration file to begin with, from what the project says about itself. */

import { rmSync } from "node:fs";
import { basename, join } from "node:path";
import { HoldfastError } from "../../errors.ts";
import { createFile } from "../../system/atomic-file.ts";
import { findConfigFile } from "../../system/config-file.ts";
import { look, packageOf } from "../../system/places.ts";
import { workingDirectory } from "../../system/working-directory.ts";
import { guessApp } from "../init/guess.ts";
import { configText, FILES, type Format } from "../init/texts.ts";
import { talkOf } from "../outcomes.ts";

/**
 * Writes the file into the working directory. Throws HF_FILE_EXISTS where a configuration is already,
 * unless --force, and HF_CONFIG_INVALID for an unknown --format.
 */
export async function initCommand(flags: Record<string, unknown>): Promise<number> {
  const directory = workingDirectory();
  const format = formatOf(flags);
  const file = join(directory, FILES[format]);
  const other = flags.force === true ? null : findConfigFile(directory);
  if (other !== null) throw new HoldfastError("HF_FILE_EXISTS", { file: other });
  const guess = guessApp(
    packageOf(directory),
    basename(directory),
    (path) => look(join(directory, path))?.type === "file",
  );
  if (flags.force === true) rmSync(file, { force: true });
  // Somebody else may have been faster.
  if (!createFile(file, configText(format, guess))) {
    throw new HoldfastError("HF_FILE_EXISTS", { file });
  }
  const talk = talkOf(flags);
  talk.data({ file, app: guess });
  talk.say(`${file}: written`);
  talk.say(
    guess.from === null
      ? `note: nothing tells what to run; the script "${guess.script}" is an example, put yours there`
      : `script: ${guess.script} (${guess.from})`,
  );
  talk.say("next: holdfast start");
  return 0;
}

function formatOf({ format = "mjs" }: Record<string, unknown>): Format {
  const names = Object.keys(FILES) as Format[];
  const found = names.find((name) => name === format);
  if (found) return found;
  const message = `received "${String(format)}", expected ${names.join(", ")}`;
  throw new HoldfastError("HF_CONFIG_INVALID", { faults: [{ path: "--format", message }] });
}
