import type { Phase } from "./phase.ts";
import type { Player } from "./player.ts";

/** What tests and curious people may read of a player. */
export interface PlayerFacts {
  readonly state: Phase | "paused" | "behind" | "live";
  readonly latencyMs: number | undefined;
  readonly stalls: number;
  readonly quality: string | undefined;
  /** Stream time of the picture that is seen, milliseconds since the Unix epoch. */
  readonly dateMs: number | undefined;
}

/** The one word for what a viewer sees. */
export function stateOf(player: Player): PlayerFacts["state"] {
  const phase = player.phase.value;
  if (phase !== "playing") return phase;
  if (player.paused.value) return "paused";
  return player.behindMs.value > 0 ? "behind" : "live";
}

/** A read-only view of the player. */
export function factsOf(player: Player): PlayerFacts {
  return {
    get state() {
      return stateOf(player);
    },
    get latencyMs() {
      return player.latencyMs.value;
    },
    get stalls() {
      return player.stalls.value;
    },
    get dateMs() {
      return player.engine?.dateMsAt(player.video.currentTime);
    },
    get quality() {
      return player.qualities.value.find(({ index }) => index === player.playingQuality.value)?.label;
    },
  };
}
