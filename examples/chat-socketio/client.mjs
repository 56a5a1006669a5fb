// The client of ../chat-ws over Socket.IO. `retries` says again what was not accepted, one after the other; the number of
// each message says what is missing here, and what has come before.
const inBrowser = "/socket.io/socket.io.esm.min.js"; // served by Socket.IO itself
const { io } = await import(typeof document === "undefined" ? "socket.io-client" : inBrowser);

/** Messages of two workers may come in another order than they are numbered; what is late by more is asked for. */
const LATE_AFTER_MS = 200;

export function openChat({ url, room, name, on }) {
  const me = [...crypto.getRandomValues(new Uint8Array(8))]
    .map((byte) => byte.toString(36))
    .join("");
  const { origin, searchParams } = new URL(url);
  const transport = searchParams.get("transport");
  const socket = io(origin, {
    forceNew: true,
    auth: { me, room, name },
    ...{ retries: Number.POSITIVE_INFINITY, ackTimeout: 5000 },
    ...{ reconnectionDelay: 30, reconnectionDelayMax: 5000, randomizationFactor: 1 },
    ...(transport ? { transports: [transport] } : {}),
  });
  /** The number of the last message here, and the log that it is a number of. */
  let [log, seen] = ["", 0];
  const early = new Map();
  let late = null;
  let [isLooking, isBehind] = [false, false];
  let [spoken, attempts] = [0, 0];
  let lost = null; // { code, at } while a connection is being replaced

  socket.on("disconnect", (_reason, details) => {
    lost ??= { code: details?.context?.code ?? null, at: performance.now() };
    on.state?.("connecting");
  });
  socket.io.on("reconnect_attempt", () => {
    attempts += 1;
    if (attempts > 3) on.state?.("closed");
  });
  socket.on("welcome", (event) => {
    const back = lost && { code: lost.code, ms: Math.round(performance.now() - lost.at) };
    [lost, attempts] = [null, 0];
    on.state?.("open");
    on.welcome?.({ ...event, back, via: socket.io.engine.transport.name });
    socket.io.engine.once("upgrade", ({ name: via }) => on.via?.(via));
    // What was recovered has been sent already.
    if (!event.isRecovered) look();
  });
  socket.on("people", (event) => on.people?.(event));
  socket.on("look", look);
  socket.on("message", (message) => {
    if (message.log !== log) return look();
    if (message.seq > seen) early.set(message.seq, message);
    takeEarly();
    if (early.size > 0) late ??= setTimeout(look, LATE_AFTER_MS);
  });

  /** Asks for what it has not seen, until nothing more is there. */
  async function look() {
    clearTimeout(late);
    late = null;
    isBehind = true;
    if (isLooking) return;
    isLooking = true;
    for (let head = 0; isBehind || seen < head; ) {
      isBehind = false;
      const page = await socket.emitWithAck("since", { log, seq: seen });
      if (page.log !== log) {
        early.clear();
        [log, seen] = [page.log, (page.messages[0]?.seq ?? page.head + 1) - 1];
      }
      for (const message of page.messages) take(message);
      head = page.head;
    }
    isLooking = false;
    takeEarly();
  }

  function takeEarly() {
    for (const seq of early.keys()) if (seq <= seen) early.delete(seq);
    while (early.has(seen + 1)) take(early.get(seen + 1));
  }

  function take(message) {
    early.delete(message.seq);
    if (message.seq <= seen) return;
    const missed = message.seq - seen - 1; // no longer kept anywhere
    seen = message.seq;
    on.settled?.(message.id, message.seq);
    on.message?.({ ...message, missed, isMine: message.id.startsWith(`${me}-`) });
  }

  return {
    /** Its id; `on.settled` tells its number when it is accepted (null: refused), which may be after several connections. */
    say(text) {
      const id = `${me}-${++spoken}`;
      socket.emit("say", { id, text }, (_error, { seq }) => on.settled?.(id, seq));
      return id;
    },
    close() {
      clearTimeout(late);
      socket.close();
    },
  };
}
