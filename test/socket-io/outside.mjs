import { createServer } from "node:http";
import { connect } from "holdfast/bus";
import { createAdapter } from "holdfast/socket.io";
import { Server } from "socket.io";

const httpServer = createServer();
const bus = await connect(`unix:${process.env.BUS}`);
const io = new Server(httpServer, {
  connectionStateRecovery: {},
  adapter: createAdapter({ bus, name: "shared.name" }),
});
io.on("server-asks", (word, answer) => answer(word));
io.on("connection", (socket) => void socket.emit("welcome", { slot: 0, pid: process.pid }));
httpServer.listen(0, "127.0.0.1", () => console.log(httpServer.address().port));
