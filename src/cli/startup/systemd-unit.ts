/** The unit of systemd (systemd.service(5), systemd.exec(5)). Pure. */

import { MARKER, type Service } from "./service.ts";

/** The text of <name>.service. */
export function systemdUnit(service: Service): string {
  return [unitPart(service), servicePart(service), limits(service), hardening(service), INSTALL]
    .filter((part) => part !== "")
    .join("\n\n");
}

function unitPart({ user }: Service): string {
  return `# ${MARKER}, which replaces it whole.
# Changes of your own belong into a drop-in: systemctl edit <this unit>.

[Unit]
Description=${specifiers(`Holdfast: the Node.js apps of ${user}`)}
Documentation=man:systemd.service(5)
# Apps usually talk to the network, and to what is mounted, as soon as they start.
After=network-online.target remote-fs.target
Wants=network-online.target
# Never give up: a supervisor that cannot start now may start in a minute.
StartLimitIntervalSec=0`;
}

function servicePart(service: Service): string {
  const { node, cli, home, user, group, path, stopTimeoutMs, watchdogMs, keepWorkers } = service;
  const command = (...words: string[]): string =>
    [program(node), ...[cli, ...words, "--home", home].map(argument)].join(" ");
  return `[Service]
# Started is when the supervisor answers; it says so itself. "all", as systemd-notify says it for it.
Type=notify
NotifyAccess=all
${keepWorkers ? SYSTEMD_FOLLOWS : HEIR_FOLLOWS}
User=${specifiers(user)}${group === null ? "" : `\nGroup=${specifiers(group)}`}
Environment=${assignment("PATH", path)}
Environment=${assignment("HOLDFAST_HOME", home)}
ExecStart=${command("supervisor", ...(keepWorkers ? ["--no-heir"] : []))}
# Every app is reloaded without losing a request; a reload that fails changes nothing.
ExecReload=${command("reload", "all")}
Restart=always
RestartSec=${keepWorkers ? "100ms" : "1s"}
# 78: the configuration is not valid. Trying again does not mend that.
RestartPreventExitStatus=78
TimeoutStartSec=2min
${watchdog(watchdogMs)}
${keepWorkers ? KILL_ALONE : KILL_ALL}
TimeoutStopSec=${Math.ceil(stopTimeoutMs / 1000)}s
# A worker that ran out of memory is the supervisor's to replace, no reason to stop all the others.
OOMPolicy=continue`;
}

const HEIR_FOLLOWS = `# A supervisor that is killed has an heir in the same control group, which takes over and says that it is the main
# process now. So the service goes on until nothing is left (systemd 250; earlier ones start it anew at once).
ExitType=cgroup
# However the supervisor ended, its heir is no failure: after one, systemd stops a service on its next reload.
SuccessExitStatus=1 70 SIGKILL SIGABRT SIGSEGV SIGBUS SIGILL SIGTRAP`;

/** With ExitType=cgroup a restart would wait for the workers, which do not end, for all of TimeoutStopSec=. */
const SYSTEMD_FOLLOWS = `# The service ends with the supervisor, and its workers do not: the next one adopts them. There is no heir, as two
# would follow.
ExitType=main`;

const KILL_ALL = `# Stop: SIGTERM to the supervisor alone, which drains its workers; what is left after the time is killed.
KillMode=mixed`;

const KILL_ALONE = `# Stop: SIGTERM to the supervisor, which drains its workers. Nothing else is ever killed by systemd.
KillMode=process
# Restart: the supervisor leaves its workers to the next one (systemd 244; earlier ones stop and start all).
RestartKillSignal=SIGALRM`;

function watchdog(watchdogMs: number | null): string {
  if (watchdogMs === null) return "# No WatchdogSec=: nobody looks after a supervisor that hangs.";
  return `# A supervisor whose event loop hangs for so long is killed and started anew.
WatchdogSec=${watchdogMs}ms
# All of it at once: what is left in the control group would hold that up for TimeoutStopSec= otherwise.
TimeoutAbortSec=5s`;
}

function limits({ openFiles, lowPorts }: Service): string {
  return `# Each connection is an open file; the usual 1024 is soon reached.
LimitNOFILE=${openFiles}
# The supervisor may go before its workers where there are too few CPUs for all.
LimitNICE=-5
${lowPorts ? "" : "# To listen on ports below 1024 as an ordinary user (startup --low-ports):\n#"}AmbientCapabilities=CAP_NET_BIND_SERVICE`;
}

/**
 * Left out on purpose: MemoryDenyWriteExecute (V8 writes machine code), PrivateTmp (sockets that a proxy
 * looks for in /tmp), RestrictNamespaces (headless browsers), ProtectHome (apps live there),
 * PrivateDevices and SystemCallFilter (native addons).
 */
function hardening({ hardening }: Service): string {
  if (!hardening) return "";
  return `# Nothing in here gains rights by running a setuid program. Apps that need sudo: NoNewPrivileges=no,
# together with the lines below, in a drop-in.
NoNewPrivileges=yes
# The system's programs are read-only to apps: /usr and /boot.
ProtectSystem=yes
# No change to kernel settings (/proc/sys, /sys), modules or control groups; reading goes on.
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
# No real-time scheduling, with which one process can hold up all others.
RestrictRealtime=yes
# No switching to another kernel personality, a way into old code no Node app takes.
LockPersonality=yes`;
}

const INSTALL = `[Install]
WantedBy=multi-user.target
`;

/** "%" begins a specifier everywhere in a unit. */
function specifiers(text: string): string {
  return text.replaceAll("%", "%%");
}

/** A word in double quotes, with the escapes of systemd.syntax(7). */
function quoted(text: string): string {
  const escaped = specifiers(text)
    .replaceAll("\\", "\\\\")
    .replaceAll('"', '\\"')
    .replaceAll(CONTROL, (found) => `\\x${found.charCodeAt(0).toString(16).padStart(2, "0")}`);
  return `"${escaped}"`;
}

const CONTROL = /\p{Cc}/gu;

/** The first word of a command: no variables are put into it, so a "$" is one. */
function program(path: string): string {
  return quoted(path);
}

/** Another word of a command: "$" begins a variable unless it is doubled. */
function argument(text: string): string {
  return quoted(text).replaceAll("$", "$$$$");
}

function assignment(name: string, value: string): string {
  return quoted(`${name}=${value}`);
}
