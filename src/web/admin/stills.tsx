import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { loadStills, type Still } from "#web/storyboard.ts";
import { exactText } from "#web/time-words.ts";

/** Stills in the strip: those of the last 40 s or so. */
const SHOWN_STILLS = 8;
/** About how often there is a new one, milliseconds. */
const LOAD_EVERY_MS = 5_000;

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

/** What the stream looked like of late, newest first. Nothing while there is no picture of it. */
export function Stills({ stream }: { stream: string }): JSX.Element | null {
  const shown = useSignal<readonly Still[]>([]);
  useEffect(() => {
    let isOver = false;
    const load = (): void => {
      if (document.hidden) return;
      loadStills(stream).then(
        (stills) => {
          if (!isOver) shown.value = stills.slice(-SHOWN_STILLS).reverse();
        },
        // The page says itself that the server does not answer.
        () => undefined,
      );
    };
    load();
    const timer = window.setInterval(load, LOAD_EVERY_MS);
    document.addEventListener("visibilitychange", load);
    return () => {
      isOver = true;
      shown.value = [];
      window.clearInterval(timer);
      document.removeEventListener("visibilitychange", load);
    };
  }, [stream]);
  if (shown.value.length === 0) return null;
  return (
    <ol class="stills" aria-label="Latest pictures">
      {shown.value.map(({ url, timeMs, width, height }) => (
        <li key={url} title={exactText(timeMs)}>
          <img src={url} alt="" width={width} height={height} />
          <time class="figures" dateTime={new Date(timeMs).toISOString()}>
            {clock.format(timeMs)}
          </time>
        </li>
      ))}
    </ol>
  );
}
