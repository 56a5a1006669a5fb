/** How a session finds its worker again. Pure data. */

import { stickyKind } from "../sticky.ts";
import { STICKY_VALUE } from "../sticky-by.ts";
import type { Options } from "./option.ts";

export const STICKY_OPTIONS: Options<"sticky"> = {
  sticky: {
    name: "sticky",
    kind: stickyKind,
    default: null,
    why: "apps that keep no session in memory need none, and then it costs nothing",
    cli: { flag: "--sticky", placeholder: "by", optional: STICKY_VALUE },
    pm2: [],
    description:
      "Have every session served by the worker that has begun it: by Socket.IO's session id, a cookie, the client's address, a header or a parameter of the query; the first that a request has decides.",
    change: "reload",
  },
};
