import { randomUUID } from "node:crypto";
import type { StreamEvent } from "#link/stream-event.ts";

/** Characters of one text that others chose (a query parameter, an encoder's name); the rest is cut off. */
export const TEXT_CHARACTERS_MAX = 500;

/** An event as it is posted: the same bytes to every hook and in every attempt. */
export interface Message {
  readonly id: string;
  readonly type: StreamEvent["type"];
  readonly stream: string;
  /** `{"type","id","timestamp","data"}`. */
  readonly body: string;
  /** When it happened, monotonic milliseconds. */
  readonly happenedMs: number;
}

/** Writes an event down. `wallMs` and `nowMs` are when it happened. */
export function messageOf(event: StreamEvent, { wallMs, nowMs }: { wallMs: number; nowMs: number }): Message {
  const { type, ...data } = event;
  const id = `msg_${randomUUID().replaceAll("-", "")}`;
  const whole = { type, id, timestamp: new Date(wallMs).toISOString(), data };
  const short = (_: string, value: unknown): unknown =>
    typeof value === "string" ? value.slice(0, TEXT_CHARACTERS_MAX) : value;
  return { id, type, stream: event.stream, body: JSON.stringify(whole, short), happenedMs: nowMs };
}
