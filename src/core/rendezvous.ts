/**
 * Which slot a key belongs to: the one with the highest weight for it (rendezvous hashing). A slot that goes
 * takes only its own keys along, one that comes gets its share and no more. Pure; runs for each request.
 */

/** 32 bits of a text, the same everywhere and for ever (FNV-1a over UTF-16 units, then mixed). */
export function hash(text: string): number {
  let bits = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    bits = Math.imul(bits ^ text.charCodeAt(at), 0x01000193);
  }
  return mixed(bits);
}

/** The slot a key belongs to, whatever their order; -1 of none. */
export function slotOf(key: string, slots: readonly number[]): number {
  const bits = hash(key);
  let best = -1;
  let highest = -1;
  for (const slot of slots) {
    // Mixing is one to one: two slots never weigh the same.
    const weight = mixed(bits ^ mixed(slot + 1));
    if (weight > highest) {
      highest = weight;
      best = slot;
    }
  }
  return best;
}

/** Every bit of the result depends on every bit given (the end of MurmurHash3). 0 to 2^32-1. */
function mixed(given: number): number {
  let bits = given;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
