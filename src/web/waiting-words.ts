import type { LiveStream } from "./wire.ts";

/** The badge of a stream that is on air while no encoder delivers. */
export function waitingWords({ state, startsSoon }: Pick<LiveStream, "state" | "startsSoon">): string {
  if (state !== "slate") return "Reconnecting";
  return startsSoon ? "Starting soon" : "Back soon";
}
