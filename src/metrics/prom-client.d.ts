/** The registry alone, a file of prom-client 15 that its types do not speak of. */
declare module "prom-client/lib/registry.js" {
  import { Registry } from "prom-client";

  const registry: typeof Registry;
  export = registry;
}
