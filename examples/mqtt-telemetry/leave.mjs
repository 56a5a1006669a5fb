// The end of a slot: its session has no successor, and what the broker has for it is to be worked off first.

/** From the unsubscription on the others of the group get it all; this one works off what is on its way to it. */
export async function leaveGroup(client, subscription) {
  await client.unsubscribeAsync(subscription);
  // A session is in order: when this comes back, all that was before it has come, too.
  const mark = `marks/${client.options.clientId}`;
  const { handleMessage } = client;
  const marked = new Promise((resolve) => {
    client.handleMessage = (packet, done) => {
      if (packet.topic !== mark) return handleMessage(packet, done);
      done();
      resolve();
    };
  });
  await client.subscribeAsync(mark, { qos: 1 });
  await client.publishAsync(mark, "", { qos: 1 });
  await marked;
  await client.endAsync({ properties: { sessionExpiryInterval: 0 } });
}
