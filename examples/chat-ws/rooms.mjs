// The rooms, for all workers: one process numbers what is said. Its successor opens the file only when it has let go
// (`handover`), and who asks meanwhile is held by the bus: a reload or a kill is a moment's wait.
import { bus } from "holdfast/bus";
import { onActivate } from "holdfast/worker";
import { openLog } from "./log.mjs";
import { serveRooms } from "./serve-rooms.mjs";

onActivate(async () => {
  try {
    await serveRooms(bus, openLog(process.env.ROOMS_FOLDER));
  } catch (error) {
    // Rooms without a log are no use: Holdfast tries again with another process, and tells why this one ended.
    console.error(error);
    process.exit(1);
  }
});
process.send?.("ready");
