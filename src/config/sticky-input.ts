/** The option `sticky` as a person writes it. Types only. */

import type { Placement, StickyBy } from "../core/sticky.ts";

/** How to be sticky as a person writes it: true is `["socket.io", "cookie"]`. */
export type StickyInput =
  | boolean
  | StickyBy
  | readonly StickyBy[]
  | {
      readonly by?: StickyBy | readonly StickyBy[];
      readonly cookie?: {
        readonly name?: string;
        readonly path?: string;
        readonly domain?: string | null;
        readonly sameSite?: "Lax" | "Strict" | "None";
        readonly secure?: "auto" | boolean;
        /** A duration; null: until the browser is closed. */
        readonly maxAge?: number | string | null;
      };
      readonly trustProxy?: string | readonly string[];
      readonly placement?: Placement;
    };
