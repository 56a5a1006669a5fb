// The chat of ../chat-ws over Socket.IO: the same page, the same rooms. The adapter carries what is emitted to a room to
// the clients of all workers, and a client's session to the worker it comes back to.
import { createServer } from "node:http";
import { createAdapter } from "holdfast/socket.io";
import { Server } from "socket.io";
import { ask, bus, isAlone } from "../chat-ws/bus.mjs";
import { announce, servePage, whoServes, words } from "../chat-ws/site.mjs";

const { HOST = "127.0.0.1", PORT = "3000" } = process.env;
/** A reload moves everybody at once; who is back by then was never away. */
const COUNT_AFTER_MS = 300;
const MOST_NAMED = 50;

const server = createServer(servePage(new URL(".", import.meta.url)));
const io = new Server(server, {
  ...(isAlone ? {} : { adapter: createAdapter() }),
  connectionStateRecovery: { maxDisconnectionDuration: 120_000 },
  maxHttpBufferSize: 16_384,
});

io.on("connection", (socket) => {
  // What was recovered has its rooms and its data.
  if (!socket.recovered) enter(socket);
  const { room, name } = socket.data;
  socket.emit("welcome", { worker: whoServes(), name, room, isRecovered: socket.recovered });
  moved(room);
  // What strangers send may be anything: what it is read by must not throw where nobody catches it.
  socket.on("say", async (message, accepted) => {
    if (typeof accepted !== "function") return;
    const { id, text } = message ?? {};
    const said = { room, id: words(id, 64), from: name, text: words(text, 2000) };
    if (said.id === "" || said.text === "") return accepted({ id, seq: null });
    try {
      const message = await ask("rooms.say", said);
      io.to(named(room)).emit("message", message);
      accepted({ id, seq: message.seq });
    } catch (error) {
      giveUp(socket, "say", error);
    }
  });
  socket.on("since", async (known, answer) => {
    if (typeof answer !== "function") return;
    const { log, seq } = known ?? {};
    try {
      answer(await ask("rooms.since", { room, log: words(log, 32), seq: Number(seq) || 0 }));
    } catch (error) {
      giveUp(socket, "since", error);
    }
  });
  socket.on("disconnect", () => moved(room));
});

function enter(socket) {
  const { me, name, room } = socket.handshake.auth;
  socket.data.key = words(me, 32);
  socket.data.name = words(name, 24) || "someone";
  socket.data.room = words(room, 32) || "lobby";
  socket.join(named(socket.data.room));
}

/** Every socket is alone in a room of its id: what people name is none of those. */
function named(room) {
  return `room:${room}`;
}

/** It comes back, and asks again what was not answered: `disconnect()` would have it stay away. */
function giveUp(socket, what, error) {
  console.error(`${what}: ${error.message}`);
  socket.conn.close();
}

const counts = new Map();
function moved(room) {
  if (!counts.has(room)) counts.set(room, setTimeout(count, COUNT_AFTER_MS, room));
}

async function count(room) {
  counts.delete(room);
  try {
    const sockets = await io.in(named(room)).fetchSockets();
    const people = [...new Map(sockets.map(({ data }) => [data.key, data.name]))];
    io.to(named(room)).emit("people", {
      count: people.length,
      people: people.slice(0, MOST_NAMED),
    });
  } catch (error) {
    // They are counted again when the next one comes or goes.
    console.error(`who is in the room is not known: ${error.message}`);
  }
}

// What is emitted comes at most once. Where some of it may be lost, as with the supervisor or the rooms, clients look.
const lookAll = () => io.local.emit("look");
await bus.subscribe("rooms.open", lookAll);
bus.on("up", lookAll);

server.listen(Number(PORT), HOST, () => announce(server.address()));
