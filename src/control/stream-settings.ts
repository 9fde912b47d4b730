import { Fault } from "#faults/fault.ts";
import {
  BUSY_POLICIES,
  type BusyPolicy,
  CONTINUITIES,
  type Continuity,
  RETURN_POLICIES,
  type ReturnPolicy,
} from "#media/publish.ts";
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
  /** What viewers see while nobody delivers. */
  readonly continuity?: Continuity;
  /** For how long the last picture is held before that, milliseconds. */
  readonly slateAfterMs?: number;
  /** Words on the card that viewers see. */
  readonly slateWords?: string;
  /** On air with its slate before the first encoder and after the last, too. */
  readonly alwaysOn?: boolean;
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
  /** What viewers see while nobody delivers. */
  readonly continuity: Continuity;
  /** For how long the last picture is held before that, milliseconds. */
  readonly slateAfterMs: number;
  /** Words on the card that viewers see. */
  readonly slateWords: string;
  /** On air with its slate before the first encoder and after the last, too; no platform decides that for its streams. */
  readonly alwaysOn: boolean;
}

/** Bounds of the numeric settings, inclusive. */
export const SETTING_BOUNDS = {
  segmentSeconds: { min: 1, max: 10 },
  partMs: { min: 100, max: 2000 },
  graceSeconds: { min: 0, max: 86_400 },
  slateAfterMs: { min: 300, max: 10_000 },
} as const;

/** Characters of the words on a slate. */
export const SLATE_WORDS_CHARACTERS_MAX = 80;
/** Says which texts {@link isSlateWords} allows; completes "must be …". */
export const SLATE_WORDS_ALLOWED: string = `a text of 1 to ${SLATE_WORDS_CHARACTERS_MAX} characters`;
const SLATE_WORDS = new RegExp(`^[^\\p{C}]{1,${SLATE_WORDS_CHARACTERS_MAX}}$`, "u");

/** Whether a text may stand on a slate: one line that is not blank. */
export function isSlateWords(value: string): boolean {
  return SLATE_WORDS.test(value) && value.trim() !== "";
}

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
    continuity: own.continuity ?? platform.continuity,
    slateAfterMs: own.slateAfterMs ?? platform.slateAfterMs,
    slateWords: own.slateWords ?? platform.slateWords,
    alwaysOn: own.alwaysOn ?? platform.alwaysOn,
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

function wordsOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  return typeof value === "string" && isSlateWords(value) ? value : refuse("slateWords", value, SLATE_WORDS_ALLOWED);
}

function switchOf(key: string, value: unknown): boolean | undefined {
  if (value === undefined || value === null) return undefined;
  return typeof value === "boolean" ? value : refuse(key, value, "true or false");
}

/** Names of all settings. */
export const SETTING_NAMES: readonly string[] = [
  "latency",
  ...Object.keys(SETTING_BOUNDS),
  "ladder",
  "whenBusy",
  "switchBack",
  "continuity",
  "slateWords",
  "alwaysOn",
];

/** Every setting by its name, `undefined` where the stream decides nothing. */
type SettingValues = { readonly [Name in keyof StreamSettings]-?: StreamSettings[Name] | undefined };

/** The settings that a stream decides: those that are not `undefined`. */
export function settingsOf(values: SettingValues): StreamSettings {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

/** Reads settings that came from outside. @throws Fault `CONFIG_INVALID` naming key, value and what is allowed. */
export function parseStreamSettings(values: Readonly<Record<string, unknown>>): StreamSettings {
  for (const key of Object.keys(values)) {
    if (!SETTING_NAMES.includes(key)) refuse(key, values[key], `there is only ${SETTING_NAMES.join(", ")}`);
  }
  return settingsOf({
    latency: choiceOf("latency", values["latency"], LATENCIES),
    segmentSeconds: numberOf(values, "segmentSeconds", false),
    partMs: numberOf(values, "partMs", true),
    graceSeconds: numberOf(values, "graceSeconds", false),
    ladder: ladderOf(values["ladder"]),
    whenBusy: choiceOf("whenBusy", values["whenBusy"], BUSY_POLICIES),
    switchBack: choiceOf("switchBack", values["switchBack"], RETURN_POLICIES),
    continuity: choiceOf("continuity", values["continuity"], CONTINUITIES),
    slateAfterMs: numberOf(values, "slateAfterMs", false),
    slateWords: wordsOf(values["slateWords"]),
    alwaysOn: switchOf("alwaysOn", values["alwaysOn"]),
  });
}
