import type { AdminStream } from "#web/wire.ts";
import type { StreamChange } from "./api.ts";

/** Chosen where a stream takes what the platform has. */
export const AS_PLATFORM = "platform";
/** Chosen where the rungs are written out. */
export const OWN_RUNGS = "own";
/** Chosen where a stream is on air without an encoder, too. */
export const ALWAYS = "always";

/** What stands in the fields: texts, as the person left them. Empty numbers and words are the platform's. */
export interface Draft {
  readonly title: string;
  readonly latency: string;
  readonly segmentSeconds: string;
  readonly ladder: string;
  readonly rungs: string;
  readonly continuity: string;
  /** Seconds; the setting has milliseconds. */
  readonly slateAfter: string;
  readonly slateWords: string;
  readonly graceSeconds: string;
  readonly whenBusy: string;
  readonly switchBack: string;
  /** {@link ALWAYS} or empty. */
  readonly alwaysOn: string;
}

/** What a form's fields have in common. */
export interface FieldsProps {
  readonly draft: Draft;
  readonly onInput: (change: Partial<Draft>) => void;
}

function written(value: number | undefined): string {
  return value === undefined ? "" : String(value);
}

/** The fields as they stand before anybody changes them. */
export function draftOf({ title, settings }: AdminStream): Draft {
  const { latency = AS_PLATFORM, ladder = AS_PLATFORM, continuity = AS_PLATFORM, slateAfterMs } = settings;
  const { whenBusy = AS_PLATFORM, switchBack = AS_PLATFORM } = settings;
  const isNamed = [AS_PLATFORM, "off", "default"].includes(ladder);
  return {
    title,
    latency,
    segmentSeconds: written(settings.segmentSeconds),
    ladder: isNamed ? ladder : OWN_RUNGS,
    rungs: isNamed ? "" : ladder,
    continuity,
    slateAfter: written(slateAfterMs === undefined ? undefined : slateAfterMs / 1000),
    slateWords: settings.slateWords ?? "",
    graceSeconds: written(settings.graceSeconds),
    whenBusy,
    switchBack,
    alwaysOn: settings.alwaysOn === true ? ALWAYS : "",
  };
}

function numberOrNull(value: string, factor = 1): number | null {
  return value === "" ? null : Math.round(Number(value) * factor * 1000) / 1000;
}

function choiceOrNull(value: string): string | null {
  return value === AS_PLATFORM ? null : value;
}

/** What each setting becomes; `null`: the platform's. */
function settingsIn(draft: Draft): NonNullable<StreamChange["settings"]> {
  return {
    latency: choiceOrNull(draft.latency),
    segmentSeconds: numberOrNull(draft.segmentSeconds.trim()),
    ladder: choiceOrNull(draft.ladder === OWN_RUNGS ? draft.rungs.trim() : draft.ladder),
    continuity: choiceOrNull(draft.continuity),
    slateAfterMs: numberOrNull(draft.slateAfter.trim(), 1000),
    slateWords: draft.slateWords.trim() === "" ? null : draft.slateWords.trim(),
    graceSeconds: numberOrNull(draft.graceSeconds.trim()),
    whenBusy: choiceOrNull(draft.whenBusy),
    switchBack: choiceOrNull(draft.switchBack),
    alwaysOn: draft.alwaysOn === ALWAYS ? true : null,
  };
}

/** What is different from what was there: what somebody else changed meanwhile stays. */
export function changeOf(before: Draft, draft: Draft): StreamChange {
  const old: Readonly<Record<string, unknown>> = settingsIn(before);
  const changed = Object.entries(settingsIn(draft)).filter(([name, value]) => value !== old[name]);
  return {
    ...(draft.title === before.title ? {} : { title: draft.title.trim() }),
    ...(changed.length === 0 ? {} : { settings: Object.fromEntries(changed) }),
  };
}
