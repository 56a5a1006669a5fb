/** The JSON Schema of configuration files, made from the tables of options: schema.json. Pure. */

import { ADMIN_SCHEMA } from "./admin.ts";
import { BUS_SCHEMA } from "./bus.ts";
import { variables } from "./environment.ts";
import { HEIR_SCHEMA } from "./heir.ts";
import type { JsonSchema } from "./kinds.ts";
import { type Option, written } from "./options.ts";
import { camelCase, PM2_FILE_NOTES, PM2_NOTES, PM2_PARTS } from "./pm2.ts";

/** What schema.json holds. It takes all the parser takes; the parser also knows what fits together. */
export function configSchema(): JsonSchema {
  const app = { $ref: "#/definitions/app" };
  const apps = { anyOf: [{ type: "array", items: app, minItems: 1 }, app] };
  const beside = [...PM2_FILE_NOTES].map(([name, note]) => [name, { description: note }]);
  const list = {
    type: "object",
    properties: {
      ...{ $schema: { type: "string" }, apps, pm2: apps },
      ...{ admin: ADMIN_SCHEMA, bus: BUS_SCHEMA, heir: HEIR_SCHEMA },
      ...Object.fromEntries(beside),
    },
    additionalProperties: false,
    anyOf: [{ required: ["apps"] }, { required: ["pm2"] }],
  };
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "Configuration of Holdfast",
    anyOf: [list, { type: "array", items: app, minItems: 1 }, app],
    definitions: { app: appSchema() },
  };
}

function appSchema(): JsonSchema {
  const script = written().find(({ name }) => name === "script");
  const scripts = [script?.name, ...(script?.pm2.map(({ name }) => name) ?? [])];
  return {
    type: "object",
    properties: { $schema: { type: "string" }, ...properties() },
    patternProperties: {
      "^env_(?!file$)\\S+$": {
        ...variables().schema,
        description: "Environment variables that `--env` with this name puts over `env`.",
      },
    },
    additionalProperties: false,
    anyOf: scripts.map((name) => ({ required: [name] })),
  };
}

function properties(): Readonly<Record<string, JsonSchema>> {
  const entries = [
    ...written().flatMap(names),
    ...[...PM2_PARTS].flatMap(([name, { kind, becomes }]) =>
      both(name, { ...kind.schema, description: `PM2: ${becomes}.` }),
    ),
    ...[...PM2_NOTES].flatMap(([name, note]) =>
      both(name, { description: `PM2, without effect here: ${note}.`, deprecated: true }),
    ),
  ];
  return Object.fromEntries(entries);
}

function names(option: Option<unknown>): readonly (readonly [string, JsonSchema])[] {
  const { name, kind, description, pm2 } = option;
  const isPlain = option.default !== undefined && option.default !== null;
  const own = {
    ...kind.schema,
    description,
    ...(isPlain ? { default: kind.write?.(option.default) ?? option.default } : {}),
  };
  const others = pm2.flatMap((alias) =>
    both(alias.name, { ...(alias.kind ?? kind).schema, description: `PM2's name for ${name}.` }),
  );
  return [...others, [name, own]];
}

function both(name: string, schema: JsonSchema): readonly (readonly [string, JsonSchema])[] {
  const camel = camelCase(name);
  return camel === name
    ? [[name, schema]]
    : [
        [name, schema],
        [camel, schema],
      ];
}
