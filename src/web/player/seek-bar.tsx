import { type Signal, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { loadStills, type Still, stillAt } from "#web/storyboard.ts";
import type { Player } from "./player.ts";
import { stateOf } from "./player-facts.ts";
import type { SeekRange } from "./seek-range.ts";
import { delayText, spokenDelay } from "./words.ts";

/** The list of stills is asked for again after so long, while somebody looks for a moment, milliseconds. */
const LIST_EVERY_MS = 2_500;
/** Whoever lets go so near to the live edge means it, seconds. */
const LIVE_WITHIN_SECONDS = 0.75;
/** A delay is spoken again when it has changed by so much, seconds: a picture that is paused falls behind all the time. */
const SPOKEN_STEP_SECONDS = 4;
/** Seconds that keys move by, positive to later. */
const KEY_SECONDS: Readonly<Record<string, number>> = {
  ArrowLeft: -5,
  ArrowDown: -5,
  ArrowRight: 5,
  ArrowUp: 5,
  PageDown: -30,
  PageUp: 30,
};

/** Half the width of the time below a still at its longest, pixels. */
const HALF_TIME_PIXELS = 48;

/** The stills of a stream, kept new while they are looked at. */
function useStills(stream: string): { readonly stills: Signal<readonly Still[]>; readonly refresh: () => void } {
  const stills = useSignal<readonly Still[]>([]);
  const askedMs = useRef(Number.NEGATIVE_INFINITY);
  const refresh = (): void => {
    if (performance.now() - askedMs.current < LIST_EVERY_MS) return;
    askedMs.current = performance.now();
    loadStills(stream).then(
      (list) => {
        stills.value = list;
      },
      // Without an answer the ones that are known serve on.
      () => undefined,
    );
  };
  return { stills, refresh };
}

/** What the pointed at moment looks like and how long ago it was; the time alone where there is no picture of it. */
function Preview({
  at,
  delayMs,
  still,
  dateMs,
}: {
  /** Place on the bar, 0 to 1. */
  at: number;
  delayMs: number;
  still: Still | undefined;
  dateMs: number | undefined;
}): JSX.Element {
  const broken = useSignal("");
  // Nothing of it may stick out, pixels.
  const half = Math.max(HALF_TIME_PIXELS, (still?.width ?? 0) / 2);
  const words = delayMs < LIVE_WITHIN_SECONDS * 1000 ? "Live" : `−${delayText(delayMs)}`;
  return (
    <div
      class="seek-preview"
      style={{ left: `clamp(${half}px, ${at * 100}%, calc(100% - ${half}px))` }}
      aria-hidden="true"
    >
      {still !== undefined && still.url !== broken.value && (
        <img
          // Another picture is another element: the one before must not stand for it while it is loaded.
          key={still.url}
          class="seek-still"
          src={still.url}
          alt=""
          width={still.width}
          height={still.height}
          onError={() => {
            broken.value = still.url;
          }}
        />
      )}
      <time class="seek-time figures" dateTime={dateMs === undefined ? undefined : new Date(dateMs).toISOString()}>
        {words}
      </time>
    </div>
  );
}

/** The bar as keyboards and screen readers know it: seconds, 0 is live. Pointers are the bar's own. */
function Slider({ player, range }: { player: Player; range: SeekRange | undefined }): JSX.Element {
  const isLive = stateOf(player) === "live";
  const behind = range === undefined || isLive ? 0 : range.live - range.position;
  const spoken = useRef(0);
  const wasLive = spoken.current < LIVE_WITHIN_SECONDS;
  if (wasLive !== behind < LIVE_WITHIN_SECONDS || Math.abs(behind - spoken.current) >= SPOKEN_STEP_SECONDS)
    spoken.current = behind;
  const onKeyDown = (event: KeyboardEvent): void => {
    const seconds = KEY_SECONDS[event.key];
    if (seconds !== undefined) player.seekBy(seconds);
    else if (event.key === "Home") player.seekTo(Number.NEGATIVE_INFINITY);
    else if (event.key === "End") player.goLive();
    else return;
    event.preventDefault();
  };
  return (
    <input
      class="seek-slider"
      type="range"
      min={range === undefined ? 0 : range.start - range.live}
      max="0"
      step="any"
      value={-behind}
      disabled={range === undefined}
      aria-label="Time"
      aria-valuetext={
        spoken.current < LIVE_WITHIN_SECONDS ? "Live" : `${spokenDelay(spoken.current * 1000)} behind live`
      }
      onKeyDown={onKeyDown}
      onChange={({ currentTarget }) => {
        if (range !== undefined) player.seekTo(range.live + Number(currentTarget.value));
      }}
    />
  );
}

/**
 * The live window as a bar: where the picture is, what other moments looked like, and the way there. A mouse over it shows the moment it
 * points at; pressing and moving, with a finger too, chooses one, letting go goes there.
 */
export function SeekBar({ player }: { player: Player }): JSX.Element {
  const range = player.range.value;
  const bar = useRef<HTMLDivElement>(null);
  /** Where the pointer is on the bar, 0 to 1. */
  const pointed = useSignal<number | undefined>(undefined);
  const isDragging = useSignal(false);
  const { stills, refresh } = useStills(player.stream.value.name);
  // The window moves under a pointer that rests.
  useEffect(() => {
    if (pointed.value !== undefined) refresh();
  }, [range]);
  const point = (event: PointerEvent): void => {
    const { left, width } = bar.current?.getBoundingClientRect() ?? { left: 0, width: 1 };
    pointed.value = Math.min(1, Math.max(0, (event.clientX - left) / width));
    refresh();
  };
  const leave = (): void => {
    pointed.value = undefined;
    isDragging.value = false;
  };
  const positionAt = ({ start, live }: SeekRange, at: number): number => start + at * (live - start);
  const letGo = (event: PointerEvent): void => {
    if (!isDragging.value || range === undefined) return;
    point(event);
    isDragging.value = false;
    const position = positionAt(range, pointed.value ?? 1);
    if (position > range.live - LIVE_WITHIN_SECONDS) player.goLive();
    else player.seekTo(position);
    if (event.pointerType !== "mouse") leave();
  };
  const at = pointed.value;
  const isLive = stateOf(player) === "live" || range === undefined || range.live - range.start < 1;
  const seen = isLive ? 1 : (range.position - range.start) / (range.live - range.start);
  const position = range === undefined || at === undefined ? undefined : positionAt(range, at);
  const dateMs = position === undefined ? undefined : player.engine?.dateMsAt(position);
  return (
    <div
      ref={bar}
      class={`seek ${isDragging.value ? "is-seeking" : ""}`}
      onPointerDown={(event) => {
        if (range === undefined || event.button !== 0) return;
        bar.current?.setPointerCapture(event.pointerId);
        isDragging.value = true;
        point(event);
      }}
      onPointerMove={point}
      onPointerUp={letGo}
      onPointerCancel={leave}
      onPointerLeave={() => {
        if (!isDragging.value) leave();
      }}
    >
      <Slider player={player} range={range} />
      <div class="seek-track">
        <div class="seek-seen" style={{ width: `${(isDragging.value && at !== undefined ? at : seen) * 100}%` }} />
      </div>
      {range !== undefined && at !== undefined && position !== undefined && (
        <Preview
          at={at}
          delayMs={(range.live - position) * 1000}
          dateMs={dateMs}
          still={dateMs === undefined ? undefined : stillAt(stills.value, dateMs)}
        />
      )}
    </div>
  );
}
