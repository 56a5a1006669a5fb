// A small chat over WebSocket. There is no shutdown code in here: Holdfast drains this server, tells every client
// 1012 ("service restart") and replaces the worker by itself. What makes the clients miss nothing is the number that
// each message has in its room: they come back with the last one they have seen, to whichever worker it is.
import { createServer } from "node:http";
import { WebSocketServer } from "ws";
import { bus } from "./bus.mjs";
import { Member } from "./member.mjs";
import { countPeople } from "./people.mjs";
import { announce, servePage, whoServes } from "./site.mjs";

const { HOST = "127.0.0.1", PORT = "3000" } = process.env;

/** Those on this worker, by room. */
const rooms = new Map();
const membersOf = (room) => [...(rooms.get(room) ?? [])];

const moved = await countPeople(
  (room) => membersOf(room).map(({ key, name }) => [key, name]),
  (room, event) => {
    for (const member of membersOf(room)) member.send(event);
  },
);
await bus.subscribe("rooms.said", (message) => {
  for (const member of membersOf(message.room)) member.hear(message);
});
/** The bus loses what is on its way through a supervisor, or from rooms, that die: then everybody looks. */
function lookAll() {
  for (const member of [...rooms.values()].flatMap((members) => [...members])) member.look();
}
await bus.subscribe("rooms.open", lookAll);
bus.on("up", lookAll);

const server = createServer(servePage(new URL(".", import.meta.url)));
const sockets = new WebSocketServer({ server, path: "/ws", maxPayload: 16_384 });
sockets.on("connection", (socket, request) => {
  const member = new Member(socket, new URL(request.url ?? "", "http://chat").searchParams);
  const { room, name } = member;
  rooms.set(room, (rooms.get(room) ?? new Set()).add(member));
  member.send({ type: "welcome", worker: whoServes(), name, room });
  member.look();
  moved(room);
  socket.on("message", (data) => member.say(data));
  socket.on("close", () => {
    rooms.get(room).delete(member);
    if (rooms.get(room).size === 0) rooms.delete(room);
    moved(room);
  });
  socket.on("error", () => socket.terminate());
});

server.listen(Number(PORT), HOST, () => announce(server.address()));
