/** Holdfast as a library. */

export * from "./bus.ts";
export type { AdminInput, AdminOptions } from "./config/admin.ts";
export type {
  AppInput,
  AppOptions,
  ConfigInput,
  Duration,
  ExecMode,
  InstanceRange,
  Instances,
  InstancesInput,
  Metrics,
  MinReady,
  Placement,
  Ready,
  Size,
  Sticky,
  StickyBy,
  StickyCookie,
  StickyInput,
  Strategy,
  Variables,
  Watch,
  WatchInput,
} from "./config/app.ts";
export { type ConfigExport, defineConfig } from "./config/define.ts";
export type { AppReadiness, SupervisorReadiness } from "./core/readiness.ts";
export type { RotationPolicy } from "./core/rotation.ts";
export type { AppStatus, SlotStatus, WorkerStatus } from "./core/snapshot.ts";
export { EXIT_REASONS, type ExitReason } from "./core/worker.ts";
export { type ErrorCode, type Fault, HoldfastError } from "./errors.ts";
export { type RotationHandle, type RotationOptions, startRotation } from "./logs/rotation.ts";
export {
  createLogStore,
  type LogSource,
  type LogStore,
  type LogStream,
  type LogTarget,
} from "./logs/store.ts";
export type { OutputSink } from "./logs/worker-output.ts";
export type { WaitOptions } from "./supervisor/app-control.ts";
export { createSupervisor, type SupervisorSettings } from "./supervisor/create.ts";
export type { SupervisorEvents } from "./supervisor/events.ts";
export type { AppTarget, Supervisor } from "./supervisor/supervisor.ts";
