import { Fault } from "#faults/fault.ts";
import type { Json, StoredRecord } from "#store/ports.ts";
import { parseStreamSettings, type StreamSettings } from "./stream-settings.ts";

/** Keys of one stream that are valid or waiting to expire. Adding one more is refused. */
export const KEYS_PER_STREAM_MAX = 8;

/** A key as it is kept: nobody can read it back. */
export interface KeyRecord {
  /** Names the key in lists and revocations; says nothing about the key. */
  readonly id: string;
  /** SHA-256 as 64 hexadecimal digits. */
  readonly sha256: string;
  /** Milliseconds since the Unix epoch. */
  readonly createdAtMs: number;
  /** Refused from this moment on; absent: never. Milliseconds since the Unix epoch. */
  readonly expiresAtMs?: number;
}

/** Who decides about a stream: the configuration file that declares it, or the platform's own catalogue. */
export type ManagedBy = "file" | "platform";

/** A stream as it is kept in the store. */
export interface StreamRecord {
  readonly name: string;
  readonly title: string;
  /** Milliseconds since the Unix epoch. */
  readonly createdAtMs: number;
  readonly managedBy: ManagedBy;
  readonly settings: StreamSettings;
  readonly keys: readonly KeyRecord[];
  /** Version in the store. */
  readonly version: number;
}

/** What the store keeps of a stream. */
export function streamToJson(stream: Omit<StreamRecord, "version">): Json {
  const { title, createdAtMs, managedBy, settings, keys } = stream;
  return { title, createdAtMs, managedBy, settings: { ...settings }, keys: keys.map((key) => ({ ...key })) };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function keyOf(value: unknown): KeyRecord | undefined {
  if (!isObject(value)) return undefined;
  const { id, sha256, createdAtMs, expiresAtMs } = value;
  if (typeof id !== "string" || typeof sha256 !== "string" || typeof createdAtMs !== "number") return undefined;
  if (!/^[0-9a-f]{64}$/.test(sha256)) return undefined;
  return { id, sha256, createdAtMs, ...(typeof expiresAtMs === "number" ? { expiresAtMs } : {}) };
}

/** Reads a stored stream. @throws Fault `STORE_FAILED` when it is not one. */
export function streamFromRecord(record: StoredRecord): StreamRecord {
  const { name, version, value } = record;
  const broken = (what: string): never => {
    throw new Fault("STORE_FAILED", `the stored stream ${name} has no readable ${what}`, {
      hint: "Restore the database from a backup, or remove the stream and add it again.",
    });
  };
  if (!isObject(value)) return broken("record");
  const { title, createdAtMs, managedBy, settings, keys } = value;
  if (typeof title !== "string") return broken("title");
  if (typeof createdAtMs !== "number") return broken("date");
  if (managedBy !== "file" && managedBy !== "platform") return broken("manager");
  if (!isObject(settings)) return broken("settings");
  if (!Array.isArray(keys)) return broken("keys");
  const parsed = keys.map((key) => keyOf(key) ?? broken("key"));
  return { name, title, createdAtMs, managedBy, settings: parseStreamSettings(settings), keys: parsed, version };
}
