/** P1 for clients that hold on: Socket.IO reconnects and loses no acknowledgement, gRPC loses no call. */

import { fileURLToPath } from "node:url";
import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";
import { io, type Socket } from "socket.io-client";
import { describe, expect, it } from "vitest";
import { until } from "../support/until.ts";
import { reload, stage, stop } from "./stage.ts";

describe("P1: a reload loses nothing", () => {
  it("of Socket.IO: every client is told to go by a close frame and comes back to a worker", async () => {
    const { run, port } = await stage("apps/socketio.mjs");
    const reasons: string[] = [];
    let echoes = 0;
    const sockets = Array.from({ length: 10 }, (_, n) => {
      const socket: Socket = io(`http://127.0.0.1:${port}`, {
        transports: ["websocket"],
        reconnectionDelay: 50,
      });
      socket.on("disconnect", (reason, details) => {
        reasons.push(
          `${reason} ${(details as { context?: { code?: number } } | undefined)?.context?.code ?? ""}`,
        );
      });
      const ask = (): void => {
        // Acknowledged or sent again by the client's own retry: never lost silently.
        socket.timeout(2000).emit("echo", n, (error: Error | null, back: number) => {
          if (!error && back === n) echoes += 1;
          if (socket.active) setTimeout(ask, 20);
        });
      };
      ask();
      return socket;
    });
    await until(() => sockets.every((socket) => socket.connected), { what: "all connected" });
    for (let nth = 1; nth <= 2; nth++) {
      expect(await reload(run, nth)).toBe("done");
      await until(() => sockets.every((socket) => socket.connected), {
        what: "all connected again",
      });
      const before = echoes;
      await until(() => echoes > before + 50, { what: "echoes after the reload" });
    }
    for (const socket of sockets) socket.disconnect();
    expect(new Set(reasons.filter((reason) => !reason.startsWith("io client")))).toEqual(
      new Set(["transport close 1012"]),
    );
    await stop(run);
  }, 60_000);

  it("of gRPC: unary calls and server streams, without a retry in the app", async () => {
    const { run, port } = await stage("apps/grpc.mjs");
    const client = echoClient(port);
    const errors: string[] = [];
    let calls = 0;
    let isOver = false;
    const unary = async (): Promise<void> => {
      while (!isOver) {
        await new Promise<void>((resolve) => {
          client.unaryEcho(
            { message: "hello" },
            (error: Error | null, reply?: { message: string }) => {
              if (error || reply?.message !== "hello")
                errors.push(`unary: ${error?.message ?? "wrong"}`);
              calls += 1;
              resolve();
            },
          );
        });
      }
    };
    const stream = async (): Promise<void> => {
      while (!isOver) {
        await new Promise<void>((resolve) => {
          let messages = 0;
          const call = client.serverStreamingEcho({ message: "hello", count: 20, interval_ms: 50 });
          call.on("data", () => (messages += 1));
          call.on("error", (error: Error) =>
            errors.push(`stream: ${error.message} after ${messages}`),
          );
          call.on("end", () => messages === 20 || errors.push(`stream: ended after ${messages}`));
          call.on("close", resolve);
          call.on("status", () => resolve());
        });
      }
    };
    const running = [unary(), unary(), unary(), stream(), stream()];
    await until(() => calls > 100, { what: "calls" });
    for (let nth = 1; nth <= 3; nth++) expect(await reload(run, nth)).toBe("done");
    isOver = true;
    await Promise.all(running);
    client.close();
    expect(errors).toEqual([]);
    expect(calls).toBeGreaterThan(300);
    await stop(run);
  }, 60_000);
});

interface EchoClient {
  unaryEcho(
    request: { message: string },
    done: (error: Error | null, reply?: { message: string }) => void,
  ): void;
  serverStreamingEcho(request: {
    message: string;
    count: number;
    interval_ms: number;
  }): NodeJS.EventEmitter;
  close(): void;
}

function echoClient(port: number): EchoClient {
  const proto = fileURLToPath(new URL("../fixtures/apps/echo.proto", import.meta.url));
  const definition = protoLoader.loadSync(proto, { keepCase: true });
  const { echo } = grpc.loadPackageDefinition(definition) as unknown as {
    echo: { Echo: new (address: string, credentials: grpc.ChannelCredentials) => EchoClient };
  };
  return new echo.Echo(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
}
