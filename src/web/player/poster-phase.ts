import { effect } from "@preact/signals";
import { followPoster } from "#web/poster.ts";
import type { Player } from "./player.ts";

/** Shows the stream's newest still picture until the picture moves. */
export function showPosterFirst(player: Player): void {
  const { video, hasPoster } = player;
  let stop: (() => void) | undefined;
  effect(() => {
    const phase = player.phase.value;
    stop?.();
    stop = undefined;
    if (phase === "starting") {
      stop = followPoster(player.stream.peek().name, (url) => {
        video.poster = url;
        hasPoster.value = true;
      });
    } else if (phase === "playing") {
      // What it shows is old by the next time it could be seen.
      video.removeAttribute("poster");
      hasPoster.value = false;
    }
  });
}
