// tidy: the table is one list; split, a code could stand in two places.
/**
 * The table of error codes: what happened and why (message), what to do (remedy), and the exit
 * status of a command that fails with it. A code is never renamed and never reused.
 * Every code is documented in docs/errors.md; a test keeps the two in step.
 */

/** Exit statuses of the `holdfast` command. 128+n means "ended by signal n", as shells say it. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  notRunning: 3,
  unknownApp: 4,
  timeout: 5,
  reloadFailed: 6,
  bug: 70,
  permission: 77,
  config: 78,
} as const;

interface Entry<Details> {
  readonly exitStatus: number;
  message(details: Details): string;
  readonly remedy: string;
}

function entry<Details>(
  exitStatus: number,
  message: (details: Details) => string,
  remedy: string,
): Entry<Details> {
  return { exitStatus, message, remedy };
}

export const ERRORS = {
  HF_CONFIG_INVALID: entry<{ faults: readonly Fault[] }>(
    EXIT.config,
    ({ faults }) =>
      `The configuration has ${faults.length === 1 ? "a fault" : `${faults.length} faults`}:\n${faults
        .map((fault) => `  ${fault.path}: ${fault.message}`)
        .join("\n")}`,
    "Correct the values named above; `holdfast run --help` lists every option with its bounds.",
  ),
  HF_CONFIG_FILE_NOT_FOUND: entry<{ file: string }>(
    EXIT.config,
    ({ file }) => `There is no configuration file ${file}.`,
    "Check the path, or write one: ecosystem.example.json in the package shows every option.",
  ),
  HF_CONFIG_FILE_UNREADABLE: entry<{ file: string; reason: string }>(
    EXIT.permission,
    ({ file, reason }) => `The configuration file ${file} cannot be read: ${ended(reason)}`,
    "Give the user that runs this command permission to read the file and to enter its folders.",
  ),
  HF_CONFIG_FILE_UNSUPPORTED: entry<{ file: string; reason: string }>(
    EXIT.config,
    ({ file, reason }) =>
      `The configuration file ${file} is of a kind that is not read: ${ended(reason)}`,
    "Write the same content as .json, .js, .mjs or .cjs; .ts needs Node 22.6 or later.",
  ),
  HF_CONFIG_FILE_SYNTAX: entry<{ file: string; line: number | null; reason: string }>(
    EXIT.config,
    ({ file, line, reason }) =>
      `The configuration file ${file}${atLine(line)} cannot be parsed: ${ended(reason)}`,
    "Correct the file there; an editor that knows the format marks the place.",
  ),
  HF_CONFIG_FILE_FAILED: entry<{ file: string; line: number | null; cause: string }>(
    EXIT.config,
    ({ file, line, cause }) => `The configuration file ${file}${atLine(line)} ${ended(cause)}`,
    "Correct the file so that, run by Node, it exports the apps and comes to its end.",
  ),
  HF_CONFIG_FILE_EMPTY: entry<{ file: string }>(
    EXIT.config,
    ({ file }) => `The configuration file ${file} exports nothing.`,
    "Export the apps: `export default { apps: [...] }`, or `module.exports = { apps: [...] }` in CommonJS.",
  ),
  HF_SCRIPT_NOT_FOUND: entry<{ script: string; tried: readonly string[] }>(
    EXIT.config,
    ({ script, tried }) => `There is no script "${script}". Looked for: ${tried.join(", ")}.`,
    "Check the path; a relative one starts at --cwd. A package's command must be installed in node_modules/.bin.",
  ),
  HF_SCRIPT_UNREADABLE: entry<{ script: string; reason: string }>(
    EXIT.permission,
    ({ script, reason }) => `The script ${script} cannot be read: ${ended(reason)}`,
    "Give the user that runs holdfast permission to read the file and to enter its folders.",
  ),
  HF_SCRIPT_NO_MAIN: entry<{ directory: string }>(
    EXIT.config,
    ({ directory }) =>
      `The directory ${directory} has no entry point: no "main" in its package.json that exists, and no index.js, index.mjs or index.cjs.`,
    'Name the file to run, or set "main" in the package.json.',
  ),
  HF_SCRIPT_UNSUPPORTED: entry<{ script: string; reason: string }>(
    EXIT.config,
    ({ script, reason }) => `The script ${script} cannot be run by Node: ${ended(reason)}`,
    "Run a .js, .mjs or .cjs file. TypeScript needs Node 22.18 or later, or a build step first.",
  ),
  HF_PORT_IN_USE: entry<{ address: string; holder: string | null }>(
    EXIT.failed,
    ({ address, holder }) =>
      `The address ${address} is in use by ${holder ?? "another process that /proc does not name"}.`,
    "Stop what listens there, or listen on another port.",
  ),
  HF_STICKY_FOLDER: entry<{ directory: string; reason: string }>(
    EXIT.failed,
    ({ directory, reason }) =>
      `No folder for the sockets of sticky workers can be made in ${directory}: ${ended(reason)}`,
    "Make room there and let the supervisor's user write to it, or name another folder in TMPDIR.",
  ),
  HF_START_FAILED: entry<{ app: string; cause: string; lastOutput: readonly string[] }>(
    EXIT.failed,
    ({ app, cause, lastOutput }) => `${app} did not start: ${ended(cause)}${quoted(lastOutput)}`,
    "Read the last output above, correct the program and start it again; holdfast keeps retrying slowly while it runs.",
  ),
  HF_RELOAD_FAILED: entry<{
    app: string;
    cause: string;
    outcome: string;
    lastOutput: readonly string[];
  }>(
    EXIT.reloadFailed,
    ({ app, cause, outcome, lastOutput }) =>
      `The reload of ${app} failed: ${ended(cause)}${outcome === "" ? "" : ` ${ended(outcome)}`}${quoted(lastOutput)}`,
    "Correct what the last output shows and reload again; nothing else is needed.",
  ),
  HF_NOT_RUNNING: entry<{ app: string; action: string; status: string }>(
    EXIT.failed,
    ({ app, action, status }) => `Cannot ${action} ${app}: it is ${status}.`,
    "Start it first: `holdfast start` with its name.",
  ),
  HF_NO_SUCH_APP: entry<{ app: string; known: readonly string[] }>(
    EXIT.unknownApp,
    ({ app, known }) => `There is no app "${app}". Known: ${known.join(", ") || "none"}.`,
    "Use one of the names listed.",
  ),
  HF_APP_EXISTS: entry<{ app: string }>(
    EXIT.failed,
    ({ app }) => `There is an app "${app}" already.`,
    "Give the new one another name, or remove the old one first.",
  ),
  HF_ABORTED: entry<{ action: string }>(
    130,
    ({ action }) => `Waiting for ${action} was aborted by the caller's signal.`,
    "The work itself goes on; ask for the status or wait again.",
  ),
  HF_HOME_UNUSABLE: entry<{ directory: string; reason: string }>(
    EXIT.permission,
    ({ directory, reason }) => `The home directory ${directory} cannot be used: ${ended(reason)}`,
    "Name another one with --home or HOLDFAST_HOME, or correct its owner and permissions.",
  ),
  HF_ALREADY_RUNNING: entry<{ home: string; pid: number | null }>(
    EXIT.failed,
    ({ home, pid }) =>
      `The home directory ${home} belongs to a supervisor that runs${pid === null ? "" : ` as pid ${pid}`}.`,
    "Use that one (`holdfast list`), end it with `holdfast shutdown`, or name another home with --home.",
  ),
  HF_SHUTTING_DOWN: entry<{ pid: number }>(
    EXIT.failed,
    ({ pid }) => `The supervisor (pid ${pid}) is shutting down: it begins nothing new.`,
    "Wait for its end and ask again; `holdfast start` waits by itself, and starts a new one.",
  ),
  HF_HANDED_OVER: entry<{ pid: number; next: number; version: string }>(
    EXIT.timeout,
    ({ pid, next, version }) =>
      `The supervisor (pid ${pid}) has handed over to Holdfast ${version} (pid ${next}): what was asked for goes on there.`,
    "Look with `holdfast list` or `holdfast wait`, or ask again: what is done already is not done twice, but for reloads and restarts.",
  ),
  HF_STATE_UNWRITABLE: entry<{ file: string; reason: string }>(
    EXIT.failed,
    ({ file, reason }) => `The state could not be written to ${file}: ${ended(reason)}`,
    "What runs goes on running. Make room or correct the permissions, then `holdfast save`.",
  ),
  HF_STATE_NEWER: entry<{ file: string; version: number }>(
    EXIT.config,
    ({ file, version }) =>
      `The state in ${file} was written by a newer Holdfast (format ${version}), which this one does not know.`,
    "Start the newer Holdfast, or name another home with --home. The file is left as it is.",
  ),
  HF_ROSTER_UNWRITABLE: entry<{ directory: string; reason: string }>(
    EXIT.failed,
    ({ directory, reason }) =>
      `What runs could not be written down in ${directory}: ${ended(reason)}`,
    "What runs goes on running, and writing is tried again every second. Make room or correct the permissions: should the supervisor be killed before that, the next one may not know all workers and replaces those.",
  ),
  HF_NO_WORKING_DIRECTORY: entry<Record<never, never>>(
    EXIT.failed,
    () => "The working directory of this command no longer exists.",
    "Change into one that exists (`cd .` where it was made anew) and try again.",
  ),
  HF_OUTPUT_UNWRITABLE: entry<{ reason: string }>(
    EXIT.failed,
    ({ reason }) => `The output cannot be written: ${ended(reason)}`,
    "Make room where the output goes, or send it elsewhere. What the command was to do is done or goes on.",
  ),
  HF_NO_SUPERVISOR: entry<{ home: string }>(
    EXIT.notRunning,
    ({ home }) => `No supervisor runs in ${home}.`,
    "`holdfast start <script or file>` starts one; `holdfast resurrect` starts what ran before.",
  ),
  HF_SUPERVISOR_UNREACHABLE: entry<{ home: string; pid: number; socket: string }>(
    EXIT.timeout,
    ({ home, pid, socket }) =>
      `The supervisor of ${home} runs as pid ${pid}, but does not answer at ${socket}.`,
    "It makes a deleted socket again within seconds unless it is stopped or hangs: look at its log, or end that process and `holdfast resurrect`.",
  ),
  HF_SUPERVISOR_NOT_STARTED: entry<{ cause: string; log: string }>(
    EXIT.failed,
    ({ cause, log }) => `The supervisor did not start: ${ended(cause)} Its log is ${log}.`,
    "Correct what the log says and try again.",
  ),
  HF_SUPERVISOR_LOST: entry<Record<never, never>>(
    EXIT.failed,
    () => "The supervisor closed the connection before it had answered.",
    "Ask again; `holdfast list` shows whether one runs, its log says why it ended.",
  ),
  HF_SUPERVISOR_SILENT: entry<{ afterMs: number }>(
    EXIT.timeout,
    ({ afterMs }) => `The supervisor has not said anything for ${afterMs / 1000} seconds.`,
    "It is stopped or hangs; apps serve without it. Look at its log, or end its process and `holdfast resurrect`.",
  ),
  HF_CONTROL_DENIED: entry<{ socket: string }>(
    EXIT.permission,
    ({ socket }) => `The control socket ${socket} belongs to somebody else.`,
    "Become the user the supervisor runs as, or name your own home with --home or HOLDFAST_HOME.",
  ),
  HF_PROTOCOL: entry<{ said: string }>(
    EXIT.failed,
    ({ said }) => `The supervisor and this command do not understand each other: ${ended(said)}`,
    "Use the version of Holdfast the supervisor was started with, or restart it with this one.",
  ),
  HF_ARGUMENT_INVALID: entry<{ argument: string; fault: string }>(
    EXIT.usage,
    ({ argument, fault }) => `The command line has a fault: ${argument}: ${ended(fault)}`,
    "Correct that argument; `holdfast <command> --help` lists what a command takes.",
  ),
  HF_TIMEOUT: entry<{ action: string; afterMs: number }>(
    EXIT.timeout,
    ({ action, afterMs }) => `No answer to "${action}" within ${afterMs / 1000} seconds.`,
    "The work itself goes on; ask for the status, or wait longer with --timeout.",
  ),
  HF_UNKNOWN_VERB: entry<{ verb: string; version: string }>(
    EXIT.failed,
    ({ verb, version }) => `The supervisor (Holdfast ${version}) does not know "${verb}".`,
    "It is older than this command: restart it with this version, or use the version it runs.",
  ),
  HF_ACCOUNT_UNKNOWN: entry<{ kind: string; name: string }>(
    EXIT.config,
    ({ kind, name }) => `This system knows no ${kind} "${name}".`,
    "Correct uid or gid, or create the account.",
  ),
  HF_NO_TARGET: entry<{ verb: string }>(
    EXIT.usage,
    ({ verb }) => `Which app? "${verb}" needs at least one.`,
    "Name an app, `name:slot`, a namespace, a pattern such as `api-*`, a configuration file, or `all`.",
  ),
  HF_ONE_FILE: entry<{ file: string }>(
    EXIT.usage,
    ({ file }) => `${file} is a configuration file, and more was given beside it.`,
    "Give one file alone; --only chooses apps in it.",
  ),
  HF_NO_CONFIG_FILE: entry<{ directory: string }>(
    EXIT.config,
    ({ directory }) => `There is no holdfast.config or ecosystem.config file in ${directory}.`,
    "Name a script or a file, or write one with `holdfast init`.",
  ),
  HF_UNKNOWN_SIGNAL: entry<{ signal: string }>(
    EXIT.usage,
    ({ signal }) => `There is no signal "${signal}" here.`,
    "Use a name such as SIGUSR1; `kill -l` lists them.",
  ),
  HF_WHOLE_APPS_ONLY: entry<{ app: string }>(
    EXIT.usage,
    ({ app }) => `This is done to whole apps only, not to slots of ${app}.`,
    "Name the app alone, or use `restart`, `signal` or `scale` for parts of it.",
  ),
  HF_DEPENDENCY_FAILED: entry<{ app: string; dependency: string }>(
    EXIT.failed,
    ({ app, dependency }) =>
      `${app} was not started: ${dependency}, which it depends on, did not become ready.`,
    "See why the other one failed, then start both again.",
  ),
  HF_ADMIN_UNPROTECTED: entry<{ address: string }>(
    EXIT.config,
    ({ address }) =>
      `The admin server is to listen on ${address}, where others can reach it, without a token.`,
    "Give it one with HOLDFAST_ADMIN_TOKEN, admin.tokenFile or admin.token, or listen on 127.0.0.1.",
  ),
  HF_ADMIN_TOKEN_INVALID: entry<{ source: string; reason: string }>(
    EXIT.config,
    ({ source, reason }) =>
      `The admin server's token in ${source} cannot be used: ${ended(reason)}`,
    "Write a token there that only you and your clients know: `openssl rand -hex 32` makes one.",
  ),
  HF_ADMIN_PORT_IN_USE: entry<{ address: string; holder: string | null }>(
    EXIT.failed,
    ({ address, holder }) =>
      `The admin server's address ${address} is in use by ${holder ?? "another process that /proc does not name"}. The apps run on without it.`,
    "Stop that process, which is waited for, or choose another port with --metrics or admin.listen.",
  ),
  HF_ADMIN_NOT_LISTENING: entry<{ address: string; reason: string }>(
    EXIT.failed,
    ({ address, reason }) =>
      `The admin server cannot listen on ${address}: ${ended(reason)} The apps run on without it.`,
    "Choose an address of this machine, and a port this user may listen on; it is tried again and again.",
  ),
  HF_NO_SERVICE_MANAGER: entry<Record<never, never>>(
    EXIT.failed,
    () => "This system has no service manager Holdfast knows: systemd, OpenRC or launchd.",
    "Name one with --platform and --print to get its file, or have whatever starts programs here run `holdfast supervisor`.",
  ),
  HF_SERVICE_FAILED: entry<{ step: string; reason: string }>(
    EXIT.failed,
    ({ step, reason }) => `The service was not set up: ${step} failed: ${ended(reason)}`,
    "Correct what it says and run the command again: what was done already is not done twice.",
  ),
  HF_FILE_EXISTS: entry<{ file: string }>(
    EXIT.failed,
    ({ file }) => `There is a file ${file} already, which is not touched.`,
    "Move it away or name another one; --force replaces it.",
  ),
  HF_BUS_SUBJECT_INVALID: entry<{ subject: string; fault: string }>(
    EXIT.usage,
    ({ subject, fault }) => `The subject "${subject}" is not valid: ${ended(fault)}`,
    "Subjects are words with dots between them, such as orders.created; patterns may hold * for one word, and > at the end for the rest.",
  ),
  HF_BUS_OPTION_INVALID: entry<{ call: string; option: string; fault: string }>(
    EXIT.usage,
    ({ call, option, fault }) => `In the call ${call}, ${option}: ${ended(fault)}`,
    "Correct the value in that call; docs/bus.md lists the options of each.",
  ),
  HF_BUS_DATA_INVALID: entry<{ subject: string; reason: string }>(
    EXIT.usage,
    ({ subject, reason }) => `Data for or from "${subject}" cannot be passed on: ${ended(reason)}`,
    'Pass what JSON can say, a Buffer or a typed array; encoding: "clone" takes Map, Set, Date, BigInt and circles, too.',
  ),
  HF_BUS_DATA_NO_JSON: entry<{ subject: string; reason: string }>(
    EXIT.usage,
    ({ subject, reason }) => `The data for "${subject}" is no JSON: ${ended(reason)}`,
    "Say --text where it is text and --bytes where it is bytes; JSON needs quotes around it, or the shell takes its own away.",
  ),
  HF_BUS_DATA_UNREADABLE: entry<{ file: string; reason: string }>(
    EXIT.failed,
    ({ file, reason }) => `The data cannot be read from ${file}: ${ended(reason)}`,
    "Check the path after --file and its permissions; - stands for standard input.",
  ),
  HF_BUS_ANSWER_FAILED: entry<{ subject: string; who: string; reason: string }>(
    EXIT.failed,
    ({ subject, who, reason }) =>
      `The request for "${subject}" has failed in ${who}: ${ended(reason)}`,
    "That is an error of the one who answers: `holdfast logs` shows what it wrote.",
  ),
  HF_BUS_TOO_FEW: entry<{ pattern: string; came: number; wanted: number; afterMs: number }>(
    EXIT.timeout,
    ({ pattern, came, wanted, afterMs }) =>
      `Of ${wanted} messages on "${pattern}" ${came} came within ${afterMs} ms.`,
    "A subscription hears what is published after it, on subjects its pattern fits. Give it more time with --timeout, or wait without it.",
  ),
  HF_BUS_QUEUE_NO_MESSAGE: entry<{ queue: string; id: string }>(
    EXIT.failed,
    ({ queue, id }) => `There is no such message with the id "${id}" in the queue "${queue}".`,
    "`holdfast queue peek` shows those that are there; `retry` takes dead letters only.",
  ),
  HF_BUS_TOO_LARGE: entry<{ subject: string; bytes: number; limitBytes: number }>(
    EXIT.failed,
    ({ subject, bytes, limitBytes }) =>
      `A message of ${bytes} bytes for "${subject}" is too large for the bus, which takes ${limitBytes}.`,
    "Send less, or send where it can be had: a file, an object store, a row in a database.",
  ),
  HF_BUS_NO_RESPONDERS: entry<{ subject: string }>(
    EXIT.failed,
    ({ subject }) => `Nobody who is ready answers requests for "${subject}".`,
    "Start what answers them, or correct the subject. A program can have the request wait for somebody, with hold: true.",
  ),
  HF_BUS_WORKER_LOST: entry<{ subject: string; who: string }>(
    EXIT.failed,
    ({ subject, who }) =>
      `${who} was gone before it had answered the request for "${subject}"; whether it did the work is not known.`,
    "Ask again where the work may be done twice: with idempotent: true, or --idempotent, that is done once by itself.",
  ),
  HF_BUS_TIMEOUT: entry<{ subject: string; afterMs: number }>(
    EXIT.timeout,
    ({ subject, afterMs }) => `No answer to the request for "${subject}" within ${afterMs} ms.`,
    "The one who worked on it was told to stop. Ask with a longer timeout, or see what keeps it busy.",
  ),
  HF_BUS_OVERLOADED: entry<{ subject: string; reason: string }>(
    EXIT.failed,
    ({ subject, reason }) => `The bus cannot take "${subject}" now: ${ended(reason)}`,
    "Wait for each publish before the next, have more workers take the messages, or choose another policy for the subscription.",
  ),
  HF_BUS_LOCKED: entry<{ name: string; reason: string }>(
    EXIT.failed,
    ({ name, reason }) => `The lock "${name}" is not to be had: ${ended(reason)}`,
    "Wait longer for it, hold it for a shorter time, or go without it.",
  ),
  HF_BUS_LOCK_LOST: entry<{ name: string; reason: string }>(
    EXIT.failed,
    ({ name, reason }) => `The lock "${name}" is held by this process no longer: ${ended(reason)}`,
    "End what is done under it, and ask for it again. What it protects can refuse fences that are too low.",
  ),
  HF_BUS_CONNECTION_LOST: entry<{ action: string }>(
    EXIT.failed,
    ({ action }) =>
      `The connection to the supervisor was lost during ${action}; whether it took effect is not known.`,
    "The bus connects again by itself. Try once more where the work may be done twice.",
  ),
  HF_BUS_CLOSED: entry<{ action: string }>(
    EXIT.failed,
    ({ action }) => `The bus of this process was closed: no ${action} any more.`,
    "Close it when all is done; in a worker that drains, Holdfast does what is needed by itself.",
  ),
  HF_BUS_UNREACHABLE: entry<{ reason: string }>(
    EXIT.notRunning,
    ({ reason }) => `The bus cannot be reached: ${ended(reason)}`,
    'Run the program under Holdfast, or name the socket of a supervisor that runs: connect("unix:/run/.../bus.sock"), or --connect.',
  ),
  HF_BUS_REFUSED: entry<{ reason: string }>(
    EXIT.permission,
    ({ reason }) => `The supervisor refuses this process on its bus: ${ended(reason)}`,
    "Use the version of Holdfast the supervisor runs, and from other machines the key or certificate it knows; a worker is known by what Holdfast gave it at its start, which nobody else can use.",
  ),
  HF_BUS_SOCKET: entry<{ reason: string }>(
    EXIT.failed,
    ({ reason }) => `The supervisor cannot open the socket of its bus: ${ended(reason)}`,
    "Make room and let the supervisor's user write to its home, or to the folder in TMPDIR; workers started after that have a bus.",
  ),
  HF_BUS_FORBIDDEN: entry<{ subject: string; reason: string }>(
    EXIT.permission,
    ({ subject, reason }) => `The supervisor does not allow "${subject}" here: ${ended(reason)}`,
    "Have it added to the permissions of this identity, under bus in the supervisor's configuration file.",
  ),
  HF_BUS_REMOTE_INVALID: entry<{ source: string; reason: string }>(
    EXIT.config,
    ({ source, reason }) =>
      `A key or certificate of the bus for other machines cannot be used (${source}): ${ended(reason)}`,
    "Correct what it names. `openssl rand -hex 32` makes a key; certificates are files of PEM.",
  ),
  HF_BUS_REMOTE_NOT_LISTENING: entry<{ address: string; reason: string }>(
    EXIT.failed,
    ({ address, reason }) =>
      `The bus cannot listen for other machines on ${address}: ${ended(reason)} The apps run on without it.`,
    "Choose an address of this machine, and a port that is free, with bus.listen; it is tried again and again.",
  ),
  HF_BUS_REMOTE_REFUSED: entry<{ times: number; who: string; address: string; reason: string }>(
    EXIT.permission,
    ({ times, who, address, reason }) =>
      `The bus has refused connections from other machines, ${times} since it was last told; the last, as ${who} from ${address}: ${ended(reason)}`,
    "Give that client the right key or certificate, or keep it away from the port with a firewall.",
  ),
  HF_BUS_REMOTE_CROWDED: entry<{ times: number; address: string }>(
    EXIT.failed,
    ({ times, address }) =>
      `The bus has closed ${times} connections from other machines that had not shown who they are, since it was last told; the last from ${address}.`,
    "They were too many at the same time, or too slow. Find out who they are, and keep them away with a firewall.",
  ),
  HF_BUS_REMOTE_FORBIDDEN: entry<{ times: number; who: string; what: string }>(
    EXIT.permission,
    ({ times, who, what }) =>
      `Clients of the bus have asked for what they have no permission for, ${times} times since it was last told; the last: ${who}, ${ended(what)}`,
    "Add it to that client's permissions under bus in the configuration file, or correct the client.",
  ),
  HF_BUS_TOKEN_WRONG: entry<{ who: string }>(
    EXIT.permission,
    ({ who }) => `A program on the bus says that it is ${who}, and it is not.`,
    "It was refused. See which programs run as the user of that socket, and whether one was given an old worker's environment.",
  ),
  HF_BUS_QUEUE_NO_FOLDER: entry<Record<never, never>>(
    EXIT.usage,
    () => "This supervisor keeps no durable queues: it was given no folder for them.",
    "A background supervisor has one in its home; else name one: holdfast run --queue-folder <path>, or createSupervisor(apps, { queueFolder }).",
  ),
  HF_BUS_QUEUE_LATE: entry<{ queue: string; id: string; attempt: number }>(
    EXIT.failed,
    ({ queue, id, attempt }) =>
      `The end of message ${id} of the queue "${queue}" (attempt ${attempt}) came too late: it had been given up before, and is delivered again unless it was removed.`,
    "Give consume() a longer timeout, stop when the handler's signal fires, and see what keeps the process busy or offline.",
  ),
  HF_BUS_QUEUE_FOLDER: entry<{ directory: string; reason: string }>(
    EXIT.failed,
    ({ directory, reason }) =>
      `The folder of the durable queues ${directory} cannot be used: ${ended(reason)}`,
    "Nothing in it was changed. Correct what the message names, or give the queues another folder.",
  ),
  HF_BUS_QUEUE_NO_SQLITE: entry<{ reason: string }>(
    EXIT.failed,
    ({ reason }) => `Durable queues need SQLite: ${ended(reason)}`,
    "Run the supervisor with Node 22.13 or later, or run `npm install @photostructure/sqlite@1`, which brings it.",
  ),
  HF_BUS_QUEUE_FULL: entry<{ queue: string; reason: string }>(
    EXIT.failed,
    ({ queue, reason }) => `The message for the queue "${queue}" was not stored: ${ended(reason)}`,
    "Have more consumers take the messages, see whether dead letters pile up and purge them, or raise the limit.",
  ),
  HF_BUS_QUEUE_FAILED: entry<{ action: string; reason: string; outcome: string }>(
    EXIT.failed,
    ({ action, reason, outcome }) =>
      `The durable queues could not ${action}: ${ended(reason)} ${outcome}`.trimEnd(),
    "See to the disk the queues lie on, and do it again; `dedupe` makes that safe for a message that may be there.",
  ),
  HF_BUS_QUEUE_DAMAGED: entry<{ directory: string; reason: string }>(
    EXIT.failed,
    ({ directory, reason }) =>
      `The durable queues in ${directory} were closed: ${ended(reason)} Whether what was asked last is in it is not known.`,
    "Stop the supervisor and put a copy of the file in its place, or move it away: then the queues begin empty. Have the disk checked.",
  ),
  HF_HEIR_FAILED: entry<{ reason: string }>(
    EXIT.failed,
    ({ reason }) =>
      `The heir cannot be started, the process that takes over when the supervisor is killed: ${ended(reason)} The apps run on without it.`,
    "See to what it names, such as a limit of processes or memory, or a Node that was removed; it is tried again and again. --no-heir does without it.",
  ),
  HF_UPGRADE_FAILED: entry<{ from: string; to: string; reason: string }>(
    EXIT.reloadFailed,
    ({ from, to, reason }) =>
      `The supervisor did not become Holdfast ${to}: ${ended(reason)} Holdfast ${from} goes on, and so do all workers.`,
    "See to what it names, and upgrade again; the supervisor's log may say more.",
  ),
  HF_BUG: entry<{ what: string }>(
    EXIT.bug,
    ({ what }) => `A fault of Holdfast itself: ${what}`,
    "Please report it with this message.",
  ),
  HF_INTERNALS_CHANGED: entry<{ missing: string; version: string }>(
    EXIT.failed,
    ({ missing, version }) => `Node ${version} lacks what Holdfast builds on: ${ended(missing)}`,
    "Use a Node version Holdfast supports (20.19, 22, 24, 26) and report this one.",
  ),
} as const;

/** One fault of a configuration: where it is and what is wrong with it. */
export interface Fault {
  /** Where, as a path a person can follow: `instances`, `apps[1].env.PORT`, `--drain-timeout`. */
  readonly path: string;
  /** What is wrong, with the value received and what is expected. */
  readonly message: string;
}

/** What the command line shows of an error, wherever it was thrown. */
export interface Explained {
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
  readonly exitStatus: number;
}

export type ErrorCode = keyof typeof ERRORS;
type DetailsOf<Code extends ErrorCode> = Parameters<(typeof ERRORS)[Code]["message"]>[0];

/** Every error Holdfast throws or rejects with: a code, a message, and what to do about it. */
export class HoldfastError<Code extends ErrorCode = ErrorCode> extends Error implements Explained {
  override readonly name = "HoldfastError";
  readonly code: Code;
  readonly details: DetailsOf<Code>;
  readonly remedy: string;
  readonly exitStatus: number;

  constructor(code: Code, details: DetailsOf<Code>, options?: ErrorOptions) {
    const found = ERRORS[code] as unknown as Entry<DetailsOf<Code>>;
    super(found.message(details), options);
    this.code = code;
    this.details = details;
    this.remedy = found.remedy;
    this.exitStatus = found.exitStatus;
  }
}

/** An error as it travels and is shown. What is no error of the table is a fault of ours, and told, not hidden. */
export function explained(error: unknown): Explained {
  if (isExplained(error)) {
    const { code, message, remedy, exitStatus } = error;
    return { code, message, remedy, exitStatus };
  }
  const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return explained(new HoldfastError("HF_BUG", { what }, { cause: error }));
}

/** Whether it says itself what happened and what to do: a HoldfastError, here or from another process. */
export function isExplained(error: unknown): error is Explained {
  return error instanceof Error && "remedy" in error && "exitStatus" in error;
}

/** With one full stop: what others say ends in one, or does not. */
function ended(text: string): string {
  const said = text.trimEnd();
  return /[.!?]$/.test(said) ? said : `${said}.`;
}

function atLine(line: number | null): string {
  return line === null ? "" : `, line ${line},`;
}

function quoted(lines: readonly string[]): string {
  if (lines.length === 0) return "";
  return `\nIts last output:\n${lines.map((line) => `  | ${line}`).join("\n")}`;
}
