/** Options that say when a worker counts as lost, unwell, too large or too old. */
import { describe, expect, it } from "vitest";
import { parseApp } from "../../src/config/parse.ts";

const read = (options: object) => parseApp({ script: "a.js", ...options });

describe("health options", () => {
  it.each([
    [{ hangTimeout: 0 }, { hangTimeoutMs: null }],
    [{ hangTimeout: false }, { hangTimeoutMs: null }],
    [{ hangTimeout: "0" }, { hangTimeoutMs: null }],
    [{ hangTimeout: "250ms" }, { hangTimeoutMs: 250 }],
    [{ health: null }, { health: null }],
    [{ health: false }, { health: null }],
    [
      { health: "http:/ok?full=1" },
      { health: { path: "/ok?full=1", intervalMs: 10_000, timeoutMs: 5000, failures: 3 } },
    ],
    [
      { health: { interval: "1s" } },
      { health: { path: null, intervalMs: 1000, timeoutMs: 5000, failures: 3 } },
    ],
    [
      { health: { path: "http:/ok", failures: 1 } },
      { health: { path: "/ok", intervalMs: 10_000, timeoutMs: 5000, failures: 1 } },
    ],
    [
      { maxMemory: "1G", maxMemoryHard: "1G" },
      { maxMemoryBytes: 2 ** 30, maxMemoryHardBytes: 2 ** 30 },
    ],
    [{ maxLifetime: "720h" }, { maxLifetimeMs: 720 * 3_600_000 }],
  ])("%j is read", (options, value) => expect(read(options)).toMatchObject({ ok: true, value }));

  it.each([
    [{ hangTimeout: "100ms" }, "hangTimeout", "from 250 ms"],
    [{ hangTimeout: true }, "hangTimeout", "from 250 ms"],
    [{ health: "http://host/" }, "health", "http:/healthz"],
    [{ health: true }, "health", "http:/healthz"],
    [{ health: { path: "x" } }, "health.path", "http:/healthz"],
    [{ health: { every: "1s" } }, "health.every", '"interval", "timeout" or "failures"'],
    [{ health: { failures: 0 } }, "health.failures", "from 1"],
    [{ maxMemory: "1G", maxMemoryHard: "512M" }, "maxMemoryHard", "at least maxMemory"],
    [{ maxLifetime: "10ms" }, "maxLifetime", "from 1 s"],
    [{ maxRequests: 0 }, "maxRequests", "from 1"],
  ])("%j is refused", (options, path, message) => {
    const parsed = read(options);
    const faults = parsed.ok ? [] : parsed.faults;
    expect(faults).toEqual([{ path, message: expect.stringContaining(message) }]);
  });
});
