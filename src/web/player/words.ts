import type { LiveStream } from "#web/wire.ts";
import type { Phase } from "./phase.ts";

/** What stands on the stage in place of a picture. */
export interface StageWords {
  readonly title: string;
  readonly text: string;
  /** Something is under way. */
  readonly busy: boolean;
}

/** Words for a phase without a picture; `undefined` while there is one. */
export function stageWords(phase: Phase, stream: LiveStream): StageWords | undefined {
  switch (phase) {
    case "before":
      return { title: "Starts soon", text: "This page changes by itself when the stream goes live.", busy: false };
    case "starting":
      return stream.state === "interrupted"
        ? {
            title: "Reconnecting",
            text: "The broadcaster lost the connection. The picture starts by itself.",
            busy: true,
          }
        : { title: "Starting", text: "The picture is on its way.", busy: true };
    case "over":
      return { title: "The broadcast is over", text: "This page changes by itself when it returns.", busy: false };
    case "full":
      return {
        title: "Every seat is taken",
        text: "Your place is kept. The picture starts by itself as soon as there is room.",
        busy: true,
      };
    case "missing":
      return {
        title: "There is no such stream",
        text: "It may have been removed. This page changes by itself if it returns.",
        busy: false,
      };
    case "offline":
      return {
        title: "The server cannot be reached",
        text: "Check your connection. The picture starts by itself when it is back.",
        busy: true,
      };
    case "playing":
    case "reconnecting":
      return undefined;
  }
}

/** A delay as people read it: `1.8 s`, `12 s`, `1 min 5 s`. */
export function delayText(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

function counted(count: number, unit: string): string {
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}

/** A delay as a screen reader says it, in whole seconds: `12 seconds`, `1 minute 5 seconds`. */
export function spokenDelay(ms: number): string {
  const whole = Math.max(0, Math.round(ms / 1000));
  const [minutes, seconds] = [Math.floor(whole / 60), whole % 60];
  if (minutes === 0) return counted(seconds, "second");
  return seconds === 0 ? counted(minutes, "minute") : `${counted(minutes, "minute")} ${counted(seconds, "second")}`;
}
