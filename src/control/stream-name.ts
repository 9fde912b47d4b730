import { Fault } from "#faults/fault.ts";

/** Longest stream name, characters. */
export const STREAM_NAME_CHARACTERS_MAX = 63;

const NAME = new RegExp(`^[a-z0-9][a-z0-9_-]{0,${STREAM_NAME_CHARACTERS_MAX - 1}}$`);

/** What a stream name may be, for messages. */
export const STREAM_NAME_ALLOWED: string = `1 to ${STREAM_NAME_CHARACTERS_MAX} characters of a-z, 0-9, - and _, the first a letter or digit`;

/** Whether `name` may name a stream. */
export function isStreamName(name: string): boolean {
  return NAME.test(name);
}

/** Gives `name` back. @throws Fault `STREAM_NAME_INVALID`. */
export function checkStreamName(name: string): string {
  if (isStreamName(name)) return name;
  const shown = name.length > 80 ? `${name.slice(0, 80)}…` : name;
  throw new Fault("STREAM_NAME_INVALID", `${JSON.stringify(shown)} cannot name a stream`, {
    hint: `Use ${STREAM_NAME_ALLOWED}.`,
  });
}
