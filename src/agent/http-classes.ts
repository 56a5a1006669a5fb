/**
 * Node's classes of requests and responses, for what asks of each request whether it is one. Imported by name they
 * are getters where the agent is one file of CommonJS, called each time, and dearer than the `instanceof` itself.
 */

import http from "node:http";

export const { IncomingMessage, ServerResponse } = http;
export type IncomingMessage = http.IncomingMessage;
export type ServerResponse = http.ServerResponse;
