// What the rooms answer, over the bus they are given.
export async function serveRooms(bus, log) {
  await bus.reply("rooms.say", async (said) => {
    const message = log.say(said);
    // Once more where it is known: who had it first may have been killed before this.
    await bus.publish("rooms.said", message);
    return message;
  });
  await bus.reply("rooms.since", (place) => log.since(place));
  // A predecessor may have been killed between the two: let everybody look.
  await bus.publish("rooms.open");
}
