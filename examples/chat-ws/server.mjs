// A small chat: one page, one WebSocket. There is no shutdown code in here: Holdfast drains this
// server, tells every client 1012 ("service restart") and replaces the worker by itself.
import cluster from "node:cluster";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { WebSocketServer } from "ws";

const host = process.env.HOST ?? "127.0.0.1";
const port = Number(process.env.PORT ?? 3000);
const slot = process.env.HOLDFAST_SLOT ?? null;

const page = readFileSync(new URL("index.html", import.meta.url));
const pageHeaders = {
  "content-type": "text/html; charset=utf-8",
  "cache-control": "no-cache",
  "content-security-policy":
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
};

const server = createServer((request, response) => {
  const path = request.url?.split("?")[0];
  if (path === "/") {
    response.writeHead(200, pageHeaders).end(request.method === "HEAD" ? undefined : page);
  } else {
    response.writeHead(404, { "content-type": "text/plain" }).end("Nothing here.\n");
  }
});

/** The rooms of this worker: who is in them, and the last messages said there. */
const rooms = new Map();
const historyLength = 50;

const sockets = new WebSocketServer({ server, path: "/ws", maxPayload: 4096 });
sockets.on("connection", (socket, request) => {
  const { searchParams } = new URL(request.url ?? "", "http://chat");
  const name = words(searchParams.get("name"), 24) || "someone";
  const roomName = words(searchParams.get("room"), 32) || "lobby";
  const room = rooms.get(roomName) ?? { members: new Map(), history: [] };
  rooms.set(roomName, room);

  room.members.set(socket, name);
  const worker = {
    slot,
    pid: process.pid,
    primary: slot === null ? null : process.ppid,
  };
  send(socket, { type: "welcome", worker, name, room: roomName, history: room.history });
  tell(room, { type: "join", name });

  socket.on("message", (data, isBinary) => {
    const text = isBinary ? "" : words(data.toString(), 2000);
    if (text === "") return;
    const message = { type: "message", name, text, at: Date.now() };
    room.history = [...room.history, message].slice(-historyLength);
    tell(room, message);
  });
  socket.on("close", () => {
    room.members.delete(socket);
    if (room.members.size === 0) rooms.delete(roomName);
    else tell(room, { type: "leave", name });
  });
  socket.on("error", () => socket.terminate());
});

/** What a person typed, without control characters and no longer than `length`. */
function words(text, length) {
  return (text ?? "")
    .replace(/\p{Cc}+/gu, " ")
    .trim()
    .slice(0, length);
}

function tell(room, event) {
  const people = [...room.members.values()];
  for (const socket of room.members.keys()) send(socket, { ...event, people });
}

function send(socket, event) {
  if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(event));
}

server.listen(port, host, () => {
  const { address, port: bound } = server.address();
  const url = `http://${address.includes(":") ? `[${address}]` : address}:${bound}`;
  if (slot === null) console.log(`Chat on ${url}, without Holdfast.`);
  // The first worker of all, in slot 0; those that replace it have other ids.
  else if (cluster.worker?.id === 1) console.log(whatToTry(url));
});

function whatToTry(url) {
  return `
  The chat runs. Open ${url} in two or three windows and talk.
  Then, in another terminal, and with an eye on the page:

    ${`kill -HUP ${process.ppid}`.padEnd(18)} reload: every worker is replaced, everyone reconnects at once
    ${`kill -9 ${process.pid}`.padEnd(18)} this worker dies: only its own clients reconnect
    ${"Ctrl+C here".padEnd(18)} drain and stop
`;
}
