import { z } from "zod";

/** How a key's value is written on a command line or in an environment variable. */
export type KeyKind = "whole" | "number" | "text" | "choice" | "switch" | "list";

/** What people are told about a key: in `--help`, in the reference page and in messages. */
export interface KeyFacts {
  readonly kind: KeyKind;
  readonly description: string;
  /** Completes "must be …". */
  readonly allowed: string;
  /** Never repeated in messages. */
  readonly isSecret?: boolean;
  /** Stands for the value in `--help`. */
  readonly placeholder?: string;
}

/** Facts of every key, found by its schema. */
export const KEY_FACTS: z.core.$ZodRegistry<KeyFacts> = z.registry<KeyFacts>();

/** Options every kind of key has. */
export interface KeyOptions {
  readonly description: string;
  readonly placeholder?: string;
  readonly isSecret?: boolean;
}

function facts(kind: KeyKind, allowed: string, options: KeyOptions): KeyFacts {
  const { description, placeholder, isSecret } = options;
  return {
    kind,
    allowed,
    description,
    ...(placeholder === undefined ? {} : { placeholder }),
    ...(isSecret === undefined ? {} : { isSecret }),
  };
}

/** A whole number from `min` to `max`. */
export function whole(options: KeyOptions & { min: number; max: number }): z.ZodNumber {
  const { min, max } = options;
  const schema = z.number().int().min(min).max(max).describe(options.description);
  return schema.register(KEY_FACTS, facts("whole", `a whole number from ${min} to ${max}`, options));
}

/** A number from `min` to `max`, or 0 where `zero` says so. */
export function decimal(options: KeyOptions & { min: number; max: number }): z.ZodNumber {
  const { min, max } = options;
  const schema = z.number().min(min).max(max).describe(options.description);
  return schema.register(KEY_FACTS, facts("number", `a number from ${min} to ${max}`, options));
}

/** A text that `matches`; `allowed` says which do. */
export function text(
  options: KeyOptions & { allowed: string; matches: RegExp | ((value: string) => boolean) },
): z.ZodString {
  const { matches } = options;
  const isAllowed = matches instanceof RegExp ? (value: string) => matches.test(value) : matches;
  const schema = z.string().refine(isAllowed).describe(options.description);
  return schema.register(KEY_FACTS, facts("text", options.allowed, options));
}

/** One of a few words. */
export function choice<const Words extends readonly [string, ...string[]]>(
  words: Words,
  options: KeyOptions,
): z.ZodEnum<{ [Word in Words[number]]: Word }> {
  const schema = z.enum(words).describe(options.description);
  return schema.register(KEY_FACTS, facts("choice", `one of ${words.join(", ")}`, options)) as z.ZodEnum<{
    [Word in Words[number]]: Word;
  }>;
}

/** On or off. */
export function onOff(options: KeyOptions): z.ZodBoolean {
  return z
    .boolean()
    .describe(options.description)
    .register(KEY_FACTS, facts("switch", "true or false", options));
}

/** One key of the configuration: where it stands and what is known of it. */
export interface ConfigKey {
  /** `["tls", "httpsPort"]`. */
  readonly path: readonly string[];
  /** `tls.httpsPort`. */
  readonly name: string;
  /** `--tls-https-port`. */
  readonly flag: string;
  /** `GRANDSTAND_TLS_HTTPS_PORT`. */
  readonly variable: string;
  readonly facts: KeyFacts;
  /** Undefined: the key is absent unless it is set. */
  readonly defaultValue: unknown;
}

/** `httpsPort` → `https-port`. */
function kebab(word: string): string {
  return word.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function unwrap(schema: z.core.$ZodType): { inner: z.core.$ZodType; defaultValue: unknown } {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return { inner: unwrap(schema.def.innerType).inner, defaultValue: schema.def.defaultValue };
  }
  if (schema instanceof z.ZodOptional) return unwrap(schema.def.innerType);
  return { inner: schema, defaultValue: undefined };
}

/** Every key of an object schema in its order, nested ones by their path. Lists (`streams`) are one key. */
export function keysOf(schema: z.core.$ZodType, path: readonly string[] = []): ConfigKey[] {
  const { inner, defaultValue } = unwrap(schema);
  if (inner instanceof z.ZodObject) {
    const shape = inner.shape as Readonly<Record<string, z.core.$ZodType>>;
    return Object.entries(shape).flatMap(([name, child]) => keysOf(child, [...path, name]));
  }
  const known = KEY_FACTS.get(inner) ?? KEY_FACTS.get(schema);
  if (known === undefined) throw new Error(`the key ${path.join(".")} has no facts`);
  const words = path.map(kebab).join("-");
  return [
    {
      path,
      name: path.join("."),
      flag: `--${words}`,
      variable: `GRANDSTAND_${words.replaceAll("-", "_").toUpperCase()}`,
      facts: known,
      defaultValue,
    },
  ];
}
