/** Command-line flags as configuration input. Pure: what is wrong with a value the parser says. */

export function appInput(
  script: string,
  args: readonly string[],
  flags: Record<string, unknown>,
): Record<string, unknown> {
  const { logLevel: _level, logFile: _file, ...options } = flags;
  return { script, args, ...options };
}
