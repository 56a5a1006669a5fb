// One window's side of the chat: it comes back by itself, asks for what it has missed, and says again what was not
// accepted. What it shows, and where, is the page's affair (`on`).
const LONGEST_WAIT_MS = 5000;

export function openChat({ url, room, name, on, WebSocket = globalThis.WebSocket }) {
  /** Names this window, and begins the ids of its messages. */
  const me = [...crypto.getRandomValues(new Uint8Array(8))]
    .map((byte) => byte.toString(36))
    .join("");
  /** What was said and is not accepted yet: texts by id. */
  const outbox = new Map();
  let [spoken, attempts, isOpen, isOver] = [0, 0, false, false];
  /** The number of the last message here, and the log that it is a number of. */
  let [log, seen] = ["", 0];
  let lost = null; // { code, at } while a connection is being replaced
  let socket;
  let timer;

  function connect() {
    const address = new URL("ws", url);
    address.protocol = address.protocol.replace("http", "ws");
    address.search = new URLSearchParams({ me, room, name, log, seq: seen });
    const mine = new WebSocket(address);
    socket = mine;
    mine.onmessage = ({ data }) => isOver || hear(JSON.parse(data));
    mine.onclose = ({ code }) => isOver || again(code);
    mine.onerror = () => {}; // it is closed then, too
  }

  function again(code) {
    isOpen = false;
    lost ??= { code, at: performance.now() };
    // A few milliseconds of jitter, so that all clients of one worker do not come back at the same instant; more
    // when it does not work at once.
    timer = setTimeout(connect, Math.random() * Math.min(LONGEST_WAIT_MS, 60 * 2 ** attempts++));
    on.state?.(attempts > 3 ? "closed" : "connecting");
  }

  function hear(event) {
    if (event.type === "welcome") welcomed(event);
    else if (event.type === "message") heard(event);
    else if (event.type === "people") on.people?.(event);
    else settled(event.id, event.seq ?? null);
  }

  function welcomed(event) {
    const back = lost && { code: lost.code, ms: Math.round(performance.now() - lost.at) };
    [lost, attempts, isOpen] = [null, 0, true];
    on.state?.("open");
    on.welcome?.({ ...event, back });
    for (const [id, text] of outbox) socket.send(JSON.stringify({ id, text }));
  }

  function heard(message) {
    const isSame = message.log === log;
    if (isSame && message.seq <= seen) return;
    const missed = isSame ? message.seq - seen - 1 : 0; // no longer kept anywhere
    [log, seen] = [message.log, message.seq];
    settled(message.id, message.seq);
    on.message?.({ ...message, missed, isMine: message.id.startsWith(`${me}-`) });
  }

  function settled(id, seq) {
    if (outbox.delete(id)) on.settled?.(id, seq);
  }

  connect();
  return {
    /** Its id; `on.settled` tells its number when it is accepted (null: refused), which may be after several connections. */
    say(text) {
      const id = `${me}-${++spoken}`;
      outbox.set(id, text);
      if (isOpen) socket.send(JSON.stringify({ id, text }));
      return id;
    },
    close() {
      isOver = true;
      clearTimeout(timer);
      socket.close();
    },
  };
}
