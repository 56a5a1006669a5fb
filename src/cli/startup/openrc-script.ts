/** The service script of OpenRC (openrc-run(8), supervise-daemon(8)). Pure. */

import { MARKER, type Service } from "./service.ts";

/**
 * The text of /etc/init.d/<name>. OpenRC evaluates `command` and what belongs to it once more, so these
 * are quoted twice.
 */
export function openrcScript(service: Service): string {
  const { node, cli, home, user, group, path, stopTimeoutMs, openFiles, lowPorts } = service;
  const evaluated = (...words: string[]): string => shellWord(words.map(shellWord).join(" "));
  const log = `${home}/supervisor.log`;
  const account = group === null ? user : `${user}:${group}`;
  return `#!/sbin/openrc-run
# ${MARKER}, which replaces it whole. Settings of your own belong into /etc/conf.d/${service.name}.

name=${shellWord(service.name)}
description=${shellWord(`Holdfast: the Node.js apps of ${user}`)}
supervisor=supervise-daemon
command=${evaluated(node)}
command_args=${evaluated(cli, "supervisor", "--home", home)}
command_user=${evaluated(account)}
output_log=${evaluated(log)}
error_log=${evaluated(log)}
# Never give up; a supervisor that cannot start now may start in a minute.
respawn_delay=1
respawn_max=0
# Stop: SIGTERM, which drains all workers; what is left after the time is killed.
retry="TERM/${Math.ceil(stopTimeoutMs / 1000)}/KILL/5"
# Each connection is an open file; the usual 1024 is soon reached.
rc_ulimit="-n ${openFiles}"
${lowPorts ? "# Ports below 1024 for an ordinary user.\ncapabilities=^cap_net_bind_service\n" : ""}extra_started_commands="reload"
description_reload="Replace all workers without losing a request"

export PATH=${shellWord(path)}
export HOLDFAST_HOME=${shellWord(home)}

depend() {
	need localmount
	use dns logger
	after net firewall
}

start_pre() {
	checkpath --directory --mode 0700 --owner ${shellWord(account)} ${shellWord(home)}
}

reload() {
	ebegin "Reloading all apps"
	su -s /bin/sh -c ${shellWord([node, cli, "reload", "all", "--home", home].map(shellWord).join(" "))} ${shellWord(user)}
	eend $?
}
`;
}

/** One word for a POSIX shell. */
export function shellWord(text: string): string {
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
