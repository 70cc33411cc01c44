import { z } from "@hono/zod-openapi";
import { TlogError } from "../errors.ts";
import { parseDecimal } from "../tlog/encoding.ts";

/**
 * The index in a path such as /entry/17. A path has one spelling: anything else is no resource.
 * @throws {TlogError} NOT_FOUND
 */
export function indexFromPath(text: string): number {
  try {
    return parseDecimal(text);
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    throw new TlogError("NOT_FOUND", `index: ${error.message}`, { cause: error });
  }
}

/** A tree size or leaf index in a query: decimal, without leading zeros, at most 2^53 − 1. */
export function decimalParameter(description: string, example: number) {
  return z
    .string({
      error: (issue) => `want one decimal number, got ${issue.input === undefined ? "none" : "several"}`,
    })
    .transform((text, context) => {
      try {
        return parseDecimal(text);
      } catch (error) {
        if (!(error instanceof TlogError)) throw error;
        context.addIssue({ code: "custom", message: error.message });
        return z.NEVER;
      }
    })
    .openapi({ type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description, example });
}

/**
 * The values of a query, each of `names` there once, in their order, and no others.
 * @param query - as the client wrote it; escapes are resolved as forms have them.
 * @throws {TlogError} PARAMETER_INVALID
 */
export function parseQuery(query: string, names: readonly [string, string]): readonly [string, string] {
  const fields = [...new URLSearchParams(query)];
  const values = [onlyValue(fields, names[0]), onlyValue(fields, names[1])] as const;
  const unknown = fields.find(([name]) => !names.includes(name));
  if (unknown === undefined) return values;
  throw unknownParameter(unknown[0]);
}

function unknownParameter(name: string): TlogError {
  return new TlogError("PARAMETER_INVALID", `unknown parameter ${JSON.stringify(name.slice(0, 80))}`);
}

/**
 * The values of a query, each of `names` there once or not at all, and no others.
 * @throws {TlogError} PARAMETER_INVALID
 */
export function parseOptionalQuery<N extends string>(
  query: string,
  names: readonly N[],
): Partial<Record<N, string>> {
  const values: Partial<Record<N, string>> = {};
  for (const [given, value] of new URLSearchParams(query)) {
    const name = names.find((known) => known === given);
    if (name === undefined) throw unknownParameter(given);
    if (values[name] !== undefined)
      throw new TlogError("PARAMETER_INVALID", `${name}: want one, got several`);
    values[name] = value;
  }
  return values;
}

/** {@link parseQuery} for decimal numbers. */
export function parseQueryNumbers(
  query: string,
  names: readonly [string, string],
): readonly [number, number] {
  const [first, second] = parseQuery(query, names);
  return [parseDecimalParameter(names[0], first), parseDecimalParameter(names[1], second)];
}

/** @throws {TlogError} PARAMETER_INVALID */
export function parseDecimalParameter(name: string, text: string): number {
  try {
    return parseDecimal(text);
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    throw new TlogError("PARAMETER_INVALID", `${name}: ${error.message}`, { cause: error });
  }
}

function onlyValue(fields: readonly (readonly [string, string])[], name: string): string {
  const [field, ...others] = fields.filter(([other]) => other === name);
  if (field !== undefined && others.length === 0) return field[1];
  const got = field === undefined ? "none" : "several";
  throw new TlogError("PARAMETER_INVALID", `${name}: want one decimal number, got ${got}`);
}

/** The hook of every validated route: the first failed check becomes the error. */
export function refuseInvalid(result: {
  readonly success: boolean;
  readonly error?: z.core.$ZodError;
}): void {
  if (result.success) return;
  const [issue] = result.error?.issues ?? [];
  const where = issue === undefined || issue.path.length === 0 ? "" : `${issue.path.join(".")}: `;
  throw new TlogError("PARAMETER_INVALID", `${where}${issue?.message ?? "want valid parameters"}`);
}
