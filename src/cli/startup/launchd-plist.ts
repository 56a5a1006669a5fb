/** The property list of launchd (launchd.plist(5)). Pure. */

import { MARKER, type Service } from "./service.ts";

/** The text of /Library/LaunchDaemons/<name>.plist. */
export function launchdPlist(service: Service): string {
  const { name, user, group, node, cli, home, path, stopTimeoutMs, openFiles } = service;
  const log = `${home}/supervisor.log`;
  return `<?xml version="1.0" encoding="UTF-8"?>
<!-- ${MARKER}, which replaces it whole. -->
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
${entries({
  Label: name,
  UserName: user,
  ...(group === null ? {} : { GroupName: group }),
  ProgramArguments: [node, cli, "supervisor", "--home", home],
  EnvironmentVariables: { PATH: path, HOLDFAST_HOME: home },
  RunAtLoad: true,
  KeepAlive: true,
  ThrottleInterval: 1,
  ExitTimeOut: Math.ceil(stopTimeoutMs / 1000),
  SoftResourceLimits: { NumberOfFiles: openFiles },
  HardResourceLimits: { NumberOfFiles: openFiles },
  ProcessType: "Interactive",
  StandardOutPath: log,
  StandardErrorPath: log,
})}
</dict>
</plist>
`;
}

type Value = string | number | true | readonly string[] | Readonly<Record<string, string | number>>;

function entries(record: Readonly<Record<string, Value>>, indent = "  "): string {
  return Object.entries(record)
    .map(([key, value]) => `${indent}<key>${text(key)}</key>\n${indent}${written(value, indent)}`)
    .join("\n");
}

function written(value: Value, indent: string): string {
  if (value === true) return "<true/>";
  if (typeof value === "number") return `<integer>${value}</integer>`;
  if (typeof value === "string") return `<string>${text(value)}</string>`;
  if (!isList(value)) return `<dict>\n${entries(value, `${indent}  `)}\n${indent}</dict>`;
  const lines = value.map((each) => `${indent}  <string>${text(each)}</string>\n`);
  return `<array>\n${lines.join("")}${indent}</array>`;
}

function isList(value: object): value is readonly string[] {
  return Array.isArray(value);
}

function text(value: string): string {
  return value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
