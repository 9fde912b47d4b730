import { signal } from "@preact/signals";
import type { JSX } from "preact";
import type { Player } from "#web/player/player.ts";
import { stateOf } from "#web/player/player-facts.ts";
import { serverNowMs } from "#web/player/server-time.ts";
import { waitingWords } from "#web/waiting-words.ts";
import { exactText, hourText, spanText } from "#web/time-words.ts";

const minute = signal(0);
window.setInterval(() => minute.value++, 20_000);

/** The line below the title: on air or not, since when. */
export function StatusLine({ player }: { player: Player }): JSX.Element {
  const { state, startsSoon, sinceMs, endedMs } = player.stream.value;
  const shown = stateOf(player);
  const isOver = shown === "over";
  void minute.value;
  if (isOver || (state === "offline" && endedMs !== null)) {
    return <span>{endedMs === null ? "The broadcast is over" : `Ended at ${hourText(endedMs)}`}</span>;
  }
  if (state === "offline") return <span>Not on air yet</span>;
  return (
    <>
      {state === "live" ? (
        <span class="badge badge-live">Live</span>
      ) : (
        <span class="badge badge-quiet">{waitingWords(player.stream.value)}</span>
      )}{" "}
      {sinceMs !== null && !startsSoon && (
        <time dateTime={new Date(sinceMs).toISOString()} title={`Since ${exactText(sinceMs)}`}>
          On air for {spanText(serverNowMs() - sinceMs)}
        </time>
      )}
    </>
  );
}
