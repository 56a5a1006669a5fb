import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fixture, freePort } from "./holdfast.ts";
import { accepts, endServer } from "./servers.ts";
import { until } from "./until.ts";

/** Whether this machine has nginx, of Debian's package `nginx-light` or another. */
export function hasNginx(): boolean {
  return spawnSync("nginx", ["-v"]).status === 0;
}

export interface NginxOptions {
  /** TLS on both sides of it; plain HTTP without. */
  readonly tls?: boolean;
  /** Idle connections to the app it keeps; all clients' requests are mixed on those in use. */
  readonly keepalive?: number;
}

/** An nginx on loopback before one port, with kept connections to it; everything it has is gone after it. */
export class Nginx {
  readonly port: number;
  readonly #directory = mkdtempSync(join(tmpdir(), "hf-nginx-"));
  readonly #child: ChildProcess;
  #said = "";

  private constructor(port: number, config: string) {
    this.port = port;
    mkdirSync(join(this.#directory, "logs"));
    const file = join(this.#directory, "nginx.conf");
    writeFileSync(file, config);
    this.#child = spawn("nginx", ["-p", this.#directory, "-c", file, "-e", "stderr"], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (chunk) => (this.#said += chunk));
  }

  /** Resolves when it listens. */
  static async before(app: number, options: NginxOptions = {}): Promise<Nginx> {
    const port = await freePort();
    const nginx = new Nginx(port, configOf(port, app, options));
    await until(() => accepts(port), { what: "nginx to listen" }).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${nginx.#said}`);
    });
    return nginx;
  }

  /** What it wrote to its error log. */
  get said(): string {
    return this.#said;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endServer(this.#child, this.#directory);
  }
}

function configOf(port: number, app: number, { tls = false, keepalive = 8 }: NginxOptions): string {
  const certificate = `ssl_certificate ${fixture("tls/cert.pem")};
      ssl_certificate_key ${fixture("tls/key.pem")};`;
  return `daemon off;
  master_process off;
  pid nginx.pid;
  error_log stderr error;
  events { worker_connections 4096; }
  http {
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    client_max_body_size 0;
    map $http_upgrade $forwarded_connection { default upgrade; '' ''; }
    upstream app { server 127.0.0.1:${app} max_fails=0; keepalive ${keepalive}; }
    server {
      listen 127.0.0.1:${port}${tls ? " ssl" : ""} backlog=2048;
      ${tls ? certificate : ""}
      location / {
        proxy_pass ${tls ? "https" : "http"}://app;
        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $forwarded_connection;
        proxy_buffering off;
        proxy_request_buffering off;
        proxy_read_timeout 60s;
      }
    }
  }
`;
}
