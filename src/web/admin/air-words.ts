import type { AirSource, AirStretch, Airtime } from "#web/wire.ts";
import { clockText } from "#web/time-words.ts";
import { encoderName, secondsText } from "./figures.ts";

type Encoder = Extract<AirSource, { kind: "encoder" }>;

/** One stretch of the time line as people read it. Times are milliseconds since the Unix epoch. */
export interface AirPart {
  readonly fromMs: number;
  readonly toMs: number;
  /** Number of the encoder on air, from 1 on in the order of their first pictures; an encoder that comes back keeps its own. */
  readonly mark: number | "slate" | "held";
  readonly name: string;
  /** Why it came on air, a whole sentence. */
  readonly reason: string;
}

/** Encoders that are the same one to people: each with the sessions it has had. */
interface Known {
  readonly encoder: Encoder;
  readonly sessions: Set<number>;
}

function isAlike(a: Encoder, b: Encoder): boolean {
  return a.role === b.role && a.address === b.address && a.protocol === b.protocol && a.encoder === b.encoder;
}

/** The encoders of a time line. One that reconnects is the same, unless it came on air straight after its like: then both were there. */
function encodersOf(stretches: readonly AirStretch[]): readonly Known[] {
  const known: Known[] = [];
  let before: Known | undefined;
  for (const { source } of stretches) {
    if (source.kind !== "encoder") {
      before = undefined;
      continue;
    }
    let one =
      known.find(({ sessions }) => sessions.has(source.session)) ??
      known.find((other) => other !== before && isAlike(other.encoder, source));
    if (one === undefined) {
      one = { encoder: source, sessions: new Set() };
      known.push(one);
    }
    one.sessions.add(source.session);
    before = one;
  }
  return known;
}

/** Ways to name an encoder, the shortest first. */
const NAMINGS: readonly ((encoder: Encoder, number: number) => string)[] = [
  ({ encoder }) => encoderName(encoder),
  ({ encoder, role }) => `${encoderName(encoder)} (${role})`,
  ({ encoder, address }) => `${encoderName(encoder)} from ${address}`,
  ({ encoder, role, address }) => `${encoderName(encoder)} (${role}) from ${address}`,
  ({ encoder, role, address }, number) => `${encoderName(encoder)} ${number} (${role}) from ${address}`,
];

/** Names that tell these encoders apart. */
function namesOf(known: readonly Known[]): readonly string[] {
  let names: string[] = [];
  for (const naming of NAMINGS) {
    names = known.map(({ encoder }, i) => naming(encoder, i + 1));
    if (new Set(names).size === names.length) break;
  }
  return names;
}

/** Why a stretch began: `before` is the encoder that was on air last, `isFirst` the broadcast's first stretch. */
function reasonOf({ why, source }: AirStretch, before: string, isFirst: boolean): string {
  switch (why) {
    case "started":
      return isFirst ? "The broadcast began." : "The first encoder is there.";
    case "silent":
      return `${before} was silent.`;
    case "lost":
      return `The connection of ${before} broke.`;
    case "finished":
      return `${before} ended its stream.`;
    case "refused":
      return `${before} was disconnected by this server.`;
    case "undecodable":
      return `${before} sent nothing that can be decoded.`;
    case "late":
      return `${before} delivered too slowly.`;
    case "early":
      return `${before} delivered faster than time goes by, as if from a file.`;
    case "primary-is-back":
      return "The primary encoder is steady again, and this stream prefers it.";
    case "by-hand":
      return "Switched by hand.";
    case "replaced":
      return "It came last, and this stream takes the encoder that comes last.";
    case "merged-path-lost":
      return `${before} is gone. Both carried the same, so nothing was lost.`;
    case "back":
      return source.kind === "encoder" ? "It delivers again." : "The picture before it ended.";
    case "restarted":
      return "This server was restarted.";
  }
}

/** Why a broadcast ended, a whole sentence. */
export const END_WORDS: Readonly<Record<NonNullable<Airtime["endedWhy"]>, string>> = {
  "grace-over": "No encoder came back in time.",
  removed: "It was ended by hand.",
  stopped: "A fault of this server ended it.",
  shutdown: "The server was stopped.",
  crashed: "The server crashed, and no encoder has come back since.",
};

const OTHER_NAMES = { slate: "Slate", held: "Last picture held" } as const;

/** The time line in parts, oldest first. */
export function airParts({ stretches, untilMs }: Pick<Airtime, "stretches" | "untilMs">): readonly AirPart[] {
  const known = encodersOf(stretches);
  const names = namesOf(known);
  let before = "The encoder";
  return stretches.map((stretch, i) => {
    const { fromMs, source } = stretch;
    const toMs = stretches[i + 1]?.fromMs ?? Math.max(fromMs, untilMs);
    const reason = reasonOf(stretch, before, i === 0);
    if (source.kind !== "encoder") return { fromMs, toMs, mark: source.kind, name: OTHER_NAMES[source.kind], reason };
    const at = known.findIndex(({ sessions }) => sessions.has(source.session));
    before = names[at] ?? encoderName(source.encoder);
    return { fromMs, toMs, mark: at + 1, name: before, reason };
  });
}

/** How long a source was on air: `0.4 s`, `12:34`. */
export function lastingText({ fromMs, toMs }: Pick<AirPart, "fromMs" | "toMs">): string {
  return toMs - fromMs < 10_000 ? secondsText(toMs - fromMs) : clockText(toMs - fromMs);
}

/** Distances between ticks, seconds. */
const TICK_SECONDS = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 43_200, 86_400, 172_800, 604_800];
/** Ticks on the axis. */
const TICKS_MAX = 8;

/** A mark on the time axis. */
export interface AirTick {
  readonly atMs: number;
  readonly text: string;
  /** Left out where there is little room. */
  readonly isMinor: boolean;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const clockWithSeconds = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit", second: "2-digit" });
const clockWithDay = new Intl.DateTimeFormat(undefined, { weekday: "short", hour: "numeric", minute: "2-digit" });

/** Round times of the viewer's zone between two moments, at most eight. */
export function airTicks(fromMs: number, toMs: number): readonly AirTick[] {
  const seconds = (toMs - fromMs) / 1000;
  const step = (TICK_SECONDS.find((one) => seconds / one <= TICKS_MAX) ?? seconds) * 1000;
  const text = step < 60_000 ? clockWithSeconds : seconds > 86_400 ? clockWithDay : clock;
  const zoneMs = new Date(toMs).getTimezoneOffset() * 60_000;
  const ticks: AirTick[] = [];
  for (let n = Math.ceil((fromMs - zoneMs) / step); n * step + zoneMs <= toMs && ticks.length < TICKS_MAX; n++) {
    const atMs = n * step + zoneMs;
    ticks.push({ atMs, text: text.format(atMs), isMinor: n % 2 !== 0 });
  }
  return ticks;
}
