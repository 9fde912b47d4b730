import { Fault } from "#faults/fault.ts";
import { BUSY_POLICIES, type BusyPolicy, RETURN_POLICIES, type ReturnPolicy } from "#media/publish.ts";
import { LADDER_ALLOWED, parseLadder } from "#media/ladder.ts";

/** How close to live: `lowest` 500 ms parts, `low` 1 s parts, `normal` no parts. */
export const LATENCIES = ["lowest", "low", "normal"] as const;
/** One of {@link LATENCIES}. */
export type Latency = (typeof LATENCIES)[number];

/** What a stream may decide for itself; absent values are the platform's. */
export interface StreamSettings {
  readonly latency?: Latency;
  readonly segmentSeconds?: number;
  /** Overrides what `latency` says; 0: no parts. Milliseconds. */
  readonly partMs?: number;
  readonly graceSeconds?: number;
  /** Smaller pictures beside the source, as {@link parseLadder} reads them. */
  readonly ladder?: string;
  /** What becomes of an encoder that comes while another one is connected. */
  readonly whenBusy?: BusyPolicy;
  /** Whether a primary encoder that is back goes on air again. */
  readonly switchBack?: ReturnPolicy;
}

/** Every setting with its value, as a broadcast uses it. */
export interface EffectiveSettings {
  readonly latency: Latency;
  /** Nominal segment duration, seconds. */
  readonly segmentSeconds: number;
  /** Part target, milliseconds; 0: no parts. */
  readonly partMs: number;
  /** How long a broadcast waits for its encoder to come back, seconds. */
  readonly graceSeconds: number;
  /** Smaller pictures beside the source, as {@link parseLadder} reads them. */
  readonly ladder: string;
  /** What becomes of an encoder that comes while another one is connected. */
  readonly whenBusy: BusyPolicy;
  /** Whether a primary encoder that is back goes on air again. */
  readonly switchBack: ReturnPolicy;
}

/** Bounds of the numeric settings, inclusive. */
export const SETTING_BOUNDS = {
  segmentSeconds: { min: 1, max: 10 },
  partMs: { min: 100, max: 2000 },
  graceSeconds: { min: 0, max: 86_400 },
} as const;

const PART_MS: Readonly<Record<Latency, number>> = { lowest: 500, low: 1000, normal: 0 };

/** The platform's settings with the stream's own put over them. */
export function effectiveSettings(platform: EffectiveSettings, own: StreamSettings): EffectiveSettings {
  const latency = own.latency ?? platform.latency;
  return {
    latency,
    segmentSeconds: own.segmentSeconds ?? platform.segmentSeconds,
    partMs: own.partMs ?? (own.latency === undefined ? platform.partMs : PART_MS[own.latency]),
    graceSeconds: own.graceSeconds ?? platform.graceSeconds,
    ladder: own.ladder ?? platform.ladder,
    whenBusy: own.whenBusy ?? platform.whenBusy,
    switchBack: own.switchBack ?? platform.switchBack,
  };
}

/** Part target of a latency, milliseconds. */
export function partMsOf(latency: Latency): number {
  return PART_MS[latency];
}

function refuse(key: string, value: unknown, allowed: string): never {
  throw new Fault("CONFIG_INVALID", `${key} = ${JSON.stringify(value)} is not allowed: ${allowed}`, { at: key });
}

function numberOf(
  values: Readonly<Record<string, unknown>>,
  key: keyof typeof SETTING_BOUNDS,
  zero: boolean,
): number | undefined {
  const value = values[key];
  if (value === undefined || value === null) return undefined;
  const { min, max } = SETTING_BOUNDS[key];
  const isInside = typeof value === "number" && ((value >= min && value <= max) || (zero && value === 0));
  return isInside ? value : refuse(key, value, `a number from ${min} to ${max}${zero ? ", or 0" : ""}`);
}

function choiceOf<Choice extends string>(key: string, value: unknown, choices: readonly Choice[]): Choice | undefined {
  if (value === undefined || value === null) return undefined;
  return choices.find((known) => known === value) ?? refuse(key, value, `one of ${choices.join(", ")}`);
}

function ladderOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  const isLadder = typeof value === "string" && parseLadder(value) !== undefined;
  return isLadder ? value : refuse("ladder", value, LADDER_ALLOWED);
}

/** Names of all settings. */
const SETTING_NAMES: readonly string[] = [
  "latency",
  ...Object.keys(SETTING_BOUNDS),
  "ladder",
  "whenBusy",
  "switchBack",
];

/** Reads settings that came from outside. @throws Fault `CONFIG_INVALID` naming key, value and what is allowed. */
export function parseStreamSettings(values: Readonly<Record<string, unknown>>): StreamSettings {
  for (const key of Object.keys(values)) {
    if (!SETTING_NAMES.includes(key)) refuse(key, values[key], `there is only ${SETTING_NAMES.join(", ")}`);
  }
  const latency = choiceOf("latency", values["latency"], LATENCIES);
  const segmentSeconds = numberOf(values, "segmentSeconds", false);
  const partMs = numberOf(values, "partMs", true);
  const graceSeconds = numberOf(values, "graceSeconds", false);
  const ladder = ladderOf(values["ladder"]);
  const whenBusy = choiceOf("whenBusy", values["whenBusy"], BUSY_POLICIES);
  const switchBack = choiceOf("switchBack", values["switchBack"], RETURN_POLICIES);
  return {
    ...(latency === undefined ? {} : { latency }),
    ...(segmentSeconds === undefined ? {} : { segmentSeconds }),
    ...(partMs === undefined ? {} : { partMs }),
    ...(graceSeconds === undefined ? {} : { graceSeconds }),
    ...(ladder === undefined ? {} : { ladder }),
    ...(whenBusy === undefined ? {} : { whenBusy }),
    ...(switchBack === undefined ? {} : { switchBack }),
  };
}
