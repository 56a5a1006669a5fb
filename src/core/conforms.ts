/** Whether what was read back has the shape it was written with. Pure. */

export type Check = (value: unknown) => boolean;

export const isNumber: Check = (value) => Number.isFinite(value);
export const isCount: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
export const isText: Check = (value) => typeof value === "string";
export const isFlag: Check = (value) => typeof value === "boolean";
export const isAnything: Check = () => true;

export function orNull(check: Check): Check {
  return (value) => value === null || check(value);
}

export function listOf(check: Check): Check {
  return (value) => Array.isArray(value) && value.every(check);
}

export function oneOf(values: readonly string[]): Check {
  return (value) => typeof value === "string" && values.includes(value);
}

/** An object with a field for each of `Type`: one that is forgotten here does not compile. */
export function shaped<Type>(fields: { readonly [Key in keyof Type]-?: Check }) {
  const checks = Object.entries<Check>(fields);
  return (value: unknown): value is Type => {
    if (typeof value !== "object" || value === null) return false;
    const found = value as Readonly<Record<string, unknown>>;
    return checks.every(([key, check]) => check(found[key]));
  };
}

/** An object whose values, whatever their keys, all pass. */
export function mapOf(check: Check): Check {
  return (value) =>
    typeof value === "object" && value !== null && Object.values(value).every(check);
}
