export type { H2Counts, H2LoadOptions } from "./load/h2.ts";
export { startH2Load } from "./load/h2.ts";
export type { HttpCounts, HttpLoadOptions } from "./load/http.ts";
export {
  startFreshLoad,
  startKeepAliveLoad,
  startLongPoll,
  startPipelineLoad,
  startSlowLoad,
} from "./load/http.ts";
export type { RawCounts, RawOptions } from "./load/raw.ts";
export { startRawLoad } from "./load/raw.ts";
export type { Load, LoadOptions, LoadSummary, Target } from "./load/run.ts";
export type { SseCounts, SseOptions } from "./load/sse.ts";
export { startSseClients } from "./load/sse.ts";
export type { WsCounts, WsOptions } from "./load/ws.ts";
export { startWsClients } from "./load/ws.ts";
