/** The time line of a broadcast as text, for a store. What is read back may be of another version of this program, or damaged. */
import {
  AIR_ENDS,
  AIR_REASONS,
  AIR_STRETCHES_MAX,
  type AirEnd,
  type AirReason,
  type AirSource,
  type AirStretch,
  type Airtime,
} from "./air-log.ts";

/** A broadcast's time line as it outlives the process. */
export interface AirRecord {
  readonly stream: string;
  /** 16 hexadecimal digits: the broadcast's. */
  readonly timelineId: string;
  readonly airtime: Airtime;
}

const VERSION = 1;
/** Highest session id of a stored time line; one with a higher one is damaged, and forgotten. */
const SESSION_MAX = 2 ** 31;
/** Latest moment of a stored time line, milliseconds since the Unix epoch: the last that a date can tell. One with a later one is forgotten. */
const MOMENT_MS_MAX = 8.64e15;
/** Characters of a name in a stored time line, more than any that is written; one with a longer one is forgotten. */
const NAME_CHARACTERS_MAX = 10_000;

/** The record as text, without the stream's name. */
export function formatAirRecord({ timelineId, airtime }: AirRecord): string {
  return JSON.stringify({ version: VERSION, timelineId, ...airtime });
}

type Fields = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function wholeOf(value: unknown, min: number, max: number): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < min || value > max) {
    throw new TypeError("not a number of that kind");
  }
  return value;
}

function nameOf(value: unknown): string {
  if (typeof value !== "string" || value.length > NAME_CHARACTERS_MAX) throw new TypeError("not a name");
  return value;
}

function oneOf<T extends string>(values: readonly T[], value: unknown): T {
  const found = values.find((one) => one === value);
  if (found === undefined) throw new TypeError("not a word that is known");
  return found;
}

function sourceOf(value: unknown): AirSource {
  if (!isObject(value)) throw new TypeError("not a source");
  const kind = oneOf(["encoder", "slate", "held"] as const, value["kind"]);
  if (kind !== "encoder") return { kind };
  return {
    kind,
    session: wholeOf(value["session"], 1, SESSION_MAX),
    role: oneOf(["primary", "backup"] as const, value["role"]),
    address: nameOf(value["address"]),
    protocol: nameOf(value["protocol"]),
    encoder: value["encoder"] === null ? null : nameOf(value["encoder"]),
  };
}

/** @param sinceMs When the stretch before began. */
function stretchOf(value: unknown, sinceMs: number): AirStretch {
  if (!isObject(value)) throw new TypeError("not a stretch");
  const fromMs = wholeOf(value["fromMs"], sinceMs, MOMENT_MS_MAX);
  return { fromMs, source: sourceOf(value["source"]), why: oneOf<AirReason>(AIR_REASONS, value["why"]) };
}

function airtimeOf(value: Fields): Airtime {
  const { forgotten, untilMs, endedWhy } = value;
  if (!Array.isArray(value["stretches"])) throw new TypeError("no stretches");
  const stretches: AirStretch[] = [];
  for (const one of value["stretches"]) stretches.push(stretchOf(one, stretches.at(-1)?.fromMs ?? 0));
  const last = stretches.at(-1);
  if (last === undefined) throw new TypeError("no stretches");
  const kept = stretches.slice(-AIR_STRETCHES_MAX);
  return {
    stretches: kept,
    forgotten: wholeOf(forgotten, 0, Number.MAX_SAFE_INTEGER - stretches.length) + stretches.length - kept.length,
    untilMs: wholeOf(untilMs, last.fromMs, MOMENT_MS_MAX),
    endedWhy: endedWhy === null ? null : oneOf<AirEnd>(AIR_ENDS, endedWhy),
  };
}

/** Reads {@link formatAirRecord}'s text; `undefined` for anything that is not one of this version: that time line is forgotten. */
export function parseAirRecord(stream: string, text: string): AirRecord | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (!isObject(value) || value["version"] !== VERSION) return undefined;
    const { timelineId } = value;
    if (typeof timelineId !== "string" || !/^[0-9a-f]{16}$/.test(timelineId)) return undefined;
    return { stream, timelineId, airtime: airtimeOf(value) };
  } catch {
    // Whatever is wrong with it, the answer is the same.
    return undefined;
  }
}
