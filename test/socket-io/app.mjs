import { createServer } from "node:http";
import { createAdapter } from "holdfast/socket.io";
import { slot } from "holdfast/worker";
import { Server } from "socket.io";

const httpServer = createServer();
const io = new Server(httpServer, {
  ...(process.env.RECOVERY === "no" ? {} : { connectionStateRecovery: {} }),
  maxHttpBufferSize: 32 * 1024 * 1024,
  adapter: createAdapter({ requestTimeout: process.env.REQUEST_TIMEOUT ?? "5s" }),
});

const who = () => ({ slot, pid: process.pid });
io.on("server-asks", (word, answer) => answer(`${word} ${slot}`));
io.on("server-says", (word) => io.local.emit("server-said", word, slot));

/** What a client may have done. */
const calls = {
  join: ({ socket }, ...rooms) => socket.join(rooms),
  leave: ({ socket }, room) => socket.leave(room),
  rooms: ({ socket }) => [...socket.rooms].filter((room) => room !== socket.id).sort(),
  set: ({ socket }, data) => void Object.assign(socket.data, data),
  data: ({ socket }) => socket.data,
  spoil: ({ socket }) => void Object.assign(socket.data, { big: 1n }),
  say: async ({ nsp }, room, ...args) => {
    (room ? nsp.to(room) : nsp).emit(...args);
    await nsp.adapter.flush();
  },
  self: ({ socket }, ...args) => void socket.emit(...args),
  all: ({ nsp }, ...args) => void nsp.emit(...args),
  to: ({ nsp }, room, ...args) => void nsp.to(room).emit(...args),
  toAndLeave: ({ socket, nsp }, room, ...args) => {
    nsp.to(room).emit(...args);
    socket.leave(room);
  },
  toAndJoin: ({ socket, nsp }, room, ...args) => {
    nsp.to(room).emit(...args);
    socket.join(room);
  },
  putAndFind: async ({ nsp }, from, to) => {
    nsp.in(from).socketsJoin(to);
    return (await nsp.in(to).fetchSockets()).map(({ id }) => id);
  },
  changing: async ({ socket, nsp }, event) => {
    const object = { value: "as it was" };
    nsp.emit(event, object);
    nsp.local.emit(event, object);
    const acknowledged = socket.emitWithAck("echo", object);
    object.value = "changed";
    return await acknowledged;
  },
  except: ({ nsp }, room, ...args) => void nsp.except(room).emit(...args),
  others: ({ socket }, ...args) => void socket.broadcast.emit(...args),
  local: ({ nsp }, ...args) => void nsp.local.emit(...args),
  volatile: ({ nsp }, ...args) => void nsp.volatile.emit(...args),
  sized: ({ nsp }, name, bytes) => void nsp.emit(name, Buffer.alloc(bytes, 7)),
  acks: ({ nsp }, ...args) => nsp.timeout(5000).emitWithAck(...args),
  fetch: async ({ nsp }, room) => {
    const sockets = await (room ? nsp.in(room) : nsp).fetchSockets();
    return sockets.map(({ id, data, rooms }) => ({ id, data, rooms: [...rooms].sort() }));
  },
  joinAll: ({ nsp }, from, to) => void nsp.in(from).socketsJoin(to),
  leaveAll: ({ nsp }, from, to) => void nsp.in(from).socketsLeave(to),
  disconnect: ({ nsp }, room) => void nsp.in(room).disconnectSockets(),
  tell: ({ nsp }, ...args) => void nsp.serverSideEmit(...args),
  ask: ({ nsp }, ...args) => nsp.serverSideEmitWithAck(...args),
  kick: ({ socket }) => {
    socket.emit("last", "word");
    socket.disconnect();
  },
  count: ({ nsp }) => nsp.adapter.serverCount(),
  who,
};

function serve(nsp) {
  nsp.on("connection", (socket) => {
    socket.emit("welcome", { ...who(), recovered: socket.recovered });
    socket.on("call", async (name, args, answer) => {
      try {
        answer({ value: await calls[name]({ socket, nsp: socket.nsp }, ...args) });
      } catch (error) {
        answer({ error: { message: error.message, code: error.code } });
      }
    });
  });
}

serve(io);
serve(io.of("/other"));
serve(io.of(/^\/room-\d+$/));
httpServer.listen(Number(process.env.PORT), "127.0.0.1");
