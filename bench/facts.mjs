/** What a figure depends on, without what would name the machine. */

import { arch, cpus, loadavg, platform, release, totalmem } from "node:os";

/** @param {string} nodeVersion the one measured on */
export function facts(nodeVersion) {
  const [first] = cpus();
  return {
    date: new Date().toISOString(),
    cpu: first?.model.trim() ?? "unknown",
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    loadBefore: loadavg()[0],
    os: `${platform()} ${arch()}`,
    kernel: release(),
    node: nodeVersion,
    driverNode: process.versions.node,
  };
}
