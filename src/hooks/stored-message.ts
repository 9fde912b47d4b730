import { STREAM_EVENT_TYPES } from "#link/stream-event.ts";
import { type Message, TEXT_CHARACTERS_MAX } from "./message.ts";

/** Characters of a stored message; no event comes near. What is longer is damaged. */
const STORED_CHARACTERS_MAX = 65_536;
const ID = /^msg_[0-9a-f]{32}$/;

function recordOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : undefined;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Reads a message of a broadcast as it was stored; `undefined` where it is none. `happenedMs` is monotonic. */
export function parseStored(body: string, happenedMs: number): Message | undefined {
  if (body.length > STORED_CHARACTERS_MAX || !Number.isFinite(happenedMs)) return undefined;
  const whole = recordOf(jsonOf(body));
  const type = STREAM_EVENT_TYPES.find((known) => known === whole?.["type"]);
  const { id, timestamp } = { id: whole?.["id"], timestamp: whole?.["timestamp"] };
  const stream = recordOf(whole?.["data"])?.["stream"];
  // Questions are not stored: their answer is of use only to the encoder that waits for it.
  if (type === undefined || type === "stream.publish-requested") return undefined;
  if (typeof id !== "string" || !ID.test(id)) return undefined;
  if (typeof timestamp !== "string" || Number.isNaN(Date.parse(timestamp))) return undefined;
  if (typeof stream !== "string" || stream === "" || stream.length > TEXT_CHARACTERS_MAX) return undefined;
  return { id, type, stream, body, happenedMs };
}
