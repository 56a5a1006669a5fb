// The rooms, for all workers: one process numbers what is said. Its successor opens the file only when it has let go
// (`handover`), and who asks meanwhile is held by the bus: a reload or a kill is a moment's wait.
import { bus } from "holdfast/bus";
import { onActivate } from "holdfast/worker";
import { openLog } from "./log.mjs";
import { serveRooms } from "./serve-rooms.mjs";

// Where this fails the worker ends: rooms without a log are no use, and Holdfast tries again with another process.
onActivate(() => serveRooms(bus, openLog(process.env.ROOMS_FOLDER)));
process.send?.("ready");
