// What was said in each room, numbered from 1: in memory, and in a file that the next process begins with.
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { join } from "node:path";

/** Of each room. It is also how long a message that comes again is known by its id. */
const KEPT = 1000;
/** Those in which nobody has spoken for longest are forgotten beyond it. */
const MOST_ROOMS = 1000;
const FOR_NEWCOMERS = 50;
/** However long they are, so many fit into one message of the bus. */
const PAGE = 100;

/** Without a folder it is kept in memory alone. */
export function openLog(folder) {
  const rooms = new Map();
  const append = folder === undefined ? () => {} : openFile(folder, rooms);
  return {
    /** The message as it stands in the log, where one of this id is there already the same as before. */
    say({ room: name, id, from, text }) {
      const room = rooms.get(name) ?? newRoom();
      const known = room.ids.get(id);
      if (known) return known;
      const seq = headOf(room) + 1;
      const message = { room: name, log: room.log, seq, id, from, text, at: Date.now() };
      append(message);
      keep(rooms, room, message);
      return message;
    },
    /** The messages after that number, a page at most; to those who know of no number the last ones. */
    since({ room: name, log, seq }) {
      const room = rooms.get(name);
      if (!room) return { log: "", head: 0, messages: [] };
      const [head, { length }] = [headOf(room), room.messages];
      const isKnown = log === room.log && seq <= head;
      const from = isKnown
        ? Math.max(0, seq - (head - length))
        : Math.max(0, length - FOR_NEWCOMERS);
      return { log: room.log, head, messages: room.messages.slice(from, from + PAGE) };
    },
  };
}

/** Numbers mean something within one log only: a room that was forgotten begins with another name for it. */
function newRoom(log = randomBytes(6).toString("hex")) {
  return { log, messages: [], ids: new Map() };
}

function headOf({ messages }) {
  return messages.at(-1)?.seq ?? 0;
}

function keep(rooms, room, message) {
  room.messages.push(message);
  room.ids.set(message.id, message);
  if (room.messages.length > KEPT) room.ids.delete(room.messages.shift().id);
  rooms.delete(message.room);
  rooms.set(message.room, room);
  if (rooms.size > MOST_ROOMS) rooms.delete(rooms.keys().next().value);
}

/** Reads what is there, and gives what writes one more message. It grows until the next process begins. */
function openFile(folder, rooms) {
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const [file, draft] = [join(folder, "said.ndjson"), join(folder, "said.draft")];
  // What stands behind the last line feed was never accepted: its writer was killed in the midst of it.
  const lines = fs.existsSync(file) ? fs.readFileSync(file, "utf8").split("\n").slice(0, -1) : [];
  for (const line of lines) {
    const message = JSON.parse(line);
    const before = rooms.get(message.room);
    keep(rooms, before?.log === message.log ? before : newRoom(message.log), message);
  }
  const kept = [...rooms.values()].flatMap(({ messages }) => messages);
  fs.writeFileSync(draft, kept.map(lineOf).join(""), { mode: 0o600 });
  fs.renameSync(draft, file);
  const descriptor = fs.openSync(file, "a");
  let { size } = fs.fstatSync(descriptor);
  return (message) => {
    const line = Buffer.from(lineOf(message));
    try {
      // It survives the end of every process from here on; a power cut only after fs.fdatasyncSync(descriptor).
      fs.appendFileSync(descriptor, line);
      size += line.length;
    } catch (error) {
      // The disk is full: half a line would spoil the next one.
      fs.ftruncateSync(descriptor, size);
      throw error;
    }
  };
}

function lineOf(message) {
  return `${JSON.stringify(message)}\n`;
}
