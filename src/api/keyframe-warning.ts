import type { StreamHealth, Warning } from "#web/wire.ts";

/** Keyframes further apart than this make viewers wait, milliseconds. */
export const KEYFRAME_INTERVAL_GOOD_MS = 4_000;

/** Code of the warning about keyframes that are too far apart. */
export const KEYFRAME_WARNING = "KEYFRAME_INTERVAL_LONG";

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1).replace(/\.0$/, "");
}

/** What to tell an operator whose encoder sends keyframes too seldom; `undefined` when it does not. */
export function keyframeWarning(interval: StreamHealth["keyframeIntervalMs"]): Warning | undefined {
  if (interval === null) return undefined;
  const ms = Math.max(interval.last, interval.average);
  if (ms <= KEYFRAME_INTERVAL_GOOD_MS) return undefined;
  return {
    code: KEYFRAME_WARNING,
    sentence: `Keyframes every ${seconds(ms)} s: viewers wait up to ${Math.ceil(ms / 1000)} s to join.`,
    fix: "In OBS set Output → Keyframe Interval to 2 s.",
  };
}

/** The health with the warning about keyframes in it, unless the gate gave one already. */
export function withKeyframeWarning(health: StreamHealth): StreamHealth {
  const warning = keyframeWarning(health.keyframeIntervalMs);
  if (warning === undefined || health.warnings.some(({ code }) => code.startsWith("KEYFRAME"))) return health;
  return { ...health, warnings: [warning, ...health.warnings] };
}
