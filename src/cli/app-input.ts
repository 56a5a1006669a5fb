/** Command-line flags as configuration input. Pure: what is wrong with a value the parser says. */

export function appInput(
  script: string,
  args: readonly string[],
  flags: Record<string, unknown>,
): Record<string, unknown> {
  const { logLevel: _level, logFile: _file, env, instances, ...rest } = flags;
  return {
    script,
    args,
    ...rest,
    ...(instances === undefined ? {} : { instances: asNumber(String(instances)) }),
    ...(env === undefined ? {} : { env: Object.fromEntries((env as string[]).map(pair)) }),
  };
}

/** "4" is the number 4; what is no number stays as it is, for the parser to name. */
function asNumber(text: string): number | string {
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

function pair(text: string): readonly [string, string] {
  const at = text.indexOf("=");
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}
