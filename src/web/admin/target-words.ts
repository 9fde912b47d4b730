import type { AdminTarget, TargetState } from "#web/wire.ts";

/** Each state in two words or three. */
export const TARGET_STATE_WORDS: Readonly<Record<TargetState, string>> = {
  waiting: "Waits for the broadcast",
  connecting: "Connecting",
  live: "On air",
  retrying: "Retrying",
  refused: "Refused",
  stopped: "Stopped",
};

const BYTES_IN_MB = 1e6;
const BYTES_IN_GB = 1e9;

/** Bytes with their unit: `3.4 MB`, `1.20 GB`. */
export function bytesText(bytes: number): string {
  if (bytes >= BYTES_IN_GB) return `${(bytes / BYTES_IN_GB).toFixed(2)} GB`;
  return `${(bytes / BYTES_IN_MB).toFixed(1)} MB`;
}

/** What a target got and what it cost: `12.3 MB sent, 2 reconnects, 4 groups of pictures left out`; empty before anything. */
export function targetFiguresText({ sentBytes, reconnects, droppedGops }: AdminTarget): string {
  const parts = [
    ...(sentBytes > 0 ? [`${bytesText(sentBytes)} sent`] : []),
    ...(reconnects > 0 ? [`${reconnects} ${reconnects === 1 ? "reconnect" : "reconnects"}`] : []),
    ...(droppedGops > 0 ? [`${droppedGops} ${droppedGops === 1 ? "group" : "groups"} of pictures left out`] : []),
  ];
  return parts.join(", ");
}

/** What is wrong now and what to do about it; empty where nothing is. */
export function targetProblemText({ state, lastProblem, nextTryMs }: AdminTarget, nowMs: number): string {
  if (lastProblem === null || (state !== "retrying" && state !== "refused" && state !== "connecting")) return "";
  const { message, hint } = lastProblem;
  const sentence = `${message.charAt(0).toUpperCase()}${message.slice(1)}.`;
  const next =
    nextTryMs === null
      ? state === "refused"
        ? "It is left alone until it is changed or started again."
        : ""
      : `Tried again in ${Math.max(1, Math.ceil((nextTryMs - nowMs) / 1000))} s.`;
  return [sentence, hint ?? "", next].filter((part) => part !== "").join(" ");
}
