import { spawnSync } from "node:child_process";

/** The command line that gives a program a terminal of its own; null, said aloud, where there is none. */
export function terminal(command: readonly string[]): readonly string[] | null {
  const python = "import pty,sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)";
  if (spawnSync("python3", ["-c", "import pty"]).status === 0)
    return ["python3", "-c", python, ...command];
  const quoted = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
  if (spawnSync("script", ["--version"]).status === 0)
    return ["script", "-qec", quoted, "/dev/null"];
  console.warn("skipped: neither python3 with its pty module nor script(1) is there");
  return null;
}
