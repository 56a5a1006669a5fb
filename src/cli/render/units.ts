/** Numbers for people. Pure. */

const BINARY = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** 1536 is "1.5 KiB"; null is "-". */
export function humanBytes(bytes: number | null): string {
  if (bytes === null) return "-";
  let value = bytes;
  let unit = 0;
  // From 1023.5 on a value would be shown as 1024 of the smaller unit.
  while (value >= 1023.5 && unit < BINARY.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1;
  return `${value.toFixed(digits)} ${BINARY[unit]}`;
}

/** 12.34 is "12.3%"; null is "-". */
export function humanPercent(percent: number | null): string {
  return percent === null ? "-" : `${percent.toFixed(1)}%`;
}

/** Milliseconds in the largest unit that counts and the one below it: "3d 4h", "2m 5s", "850ms". */
export function humanDuration(ms: number): string {
  if (Math.round(ms) < 1000) return `${Math.max(0, Math.round(ms))}ms`;
  const seconds = Math.floor(Math.round(ms) / 1000);
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [seconds % 60, "s"],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  const shown = parts.slice(first, first + 2).filter(([count]) => count > 0);
  return shown.map(([count, unit]) => `${count}${unit}`).join(" ");
}

/** "2026-11-21 07:15:00 UTC (3m 2s ago)". Both in milliseconds since 1970. */
export function humanSince(at: number, now: number): string {
  const date = new Date(at).toISOString().replace("T", " ").slice(0, 19);
  return `${date} UTC (${humanDuration(now - at)} ago)`;
}
