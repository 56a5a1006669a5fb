import { fileURLToPath } from "node:url";

/** The heir stands beside the compiled sources, as the agent does: dist/heir.cjs. */
export const HEIR_PROGRAM = fileURLToPath(new URL("../../heir.cjs", import.meta.url));
/** What it loads to become the supervisor: dist/takeover.cjs. */
export const TAKEOVER_PROGRAM = fileURLToPath(new URL("../../takeover.cjs", import.meta.url));
