import type { LiveState } from "#web/wire.ts";

/**
 * What the viewer is going through. One step function, so that no state is reached by accident:
 *
 *              live            offline          playing   stalled        ended  full  missing  unreachable
 *   before     starting        before/over      –         –              –      –     missing  offline
 *   starting   –               before/over      playing   –              over   full  missing  offline
 *   playing    –               – (drains)       –         reconnecting   over   –     –        –
 *   reconnecting –             over             playing   –              over   –     missing  offline¹
 *   over       starting        –                playing   –              –      –     missing  –
 *   full       – (own retry)   before/over      playing   –              –      –     missing  offline
 *   missing    starting        before           –         –              –      –     –        –
 *   offline    starting        before/over      playing   –              over   full  missing  –
 *
 *   "over" where a broadcast was seen or the server says that one ended, else "before".   ¹ the last picture stays
 *   "retry" (the pause after "full" has passed) leads from full to starting.
 */
export type Phase = "before" | "starting" | "playing" | "reconnecting" | "over" | "full" | "missing" | "offline";

export type PhaseEvent =
  | { readonly type: "status"; readonly state: LiveState; readonly hasEnded: boolean }
  | { readonly type: "playing" | "stalled" | "ended" | "full" | "missing" | "unreachable" | "retry" };

function onStatus(phase: Phase, state: LiveState, hasEnded: boolean): Phase {
  if (state !== "offline")
    return phase === "before" || phase === "over" || phase === "missing" || phase === "offline" ? "starting" : phase;
  // What was sent before the end is still to be seen.
  if (phase === "playing" || phase === "over") return phase;
  if (phase === "reconnecting") return "over";
  return hasEnded ? "over" : "before";
}

export function step(phase: Phase, event: PhaseEvent): Phase {
  switch (event.type) {
    case "status":
      return onStatus(phase, event.state, event.hasEnded);
    case "playing":
      return phase === "before" || phase === "missing" ? phase : "playing";
    case "stalled":
      return phase === "playing" ? "reconnecting" : phase;
    case "ended":
      return phase === "before" || phase === "full" || phase === "missing" ? phase : "over";
    case "full":
      return phase === "starting" || phase === "offline" ? "full" : phase;
    case "missing":
      return phase === "playing" ? phase : "missing";
    case "unreachable":
      return phase === "playing" || phase === "over" || phase === "missing" ? phase : "offline";
    case "retry":
      return phase === "full" ? "starting" : phase;
  }
}

/** Whether the page should hold or seek a picture. */
export function wantsMedia(phase: Phase): boolean {
  return phase === "starting" || phase === "playing" || phase === "reconnecting" || phase === "offline";
}

/** Whether the page should ask the server what the stream is doing. While a picture moves, the playlists say it all. */
export function wantsStatus(phase: Phase): boolean {
  return phase !== "playing";
}
