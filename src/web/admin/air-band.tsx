import type { JSX } from "preact";
import { momentText } from "#web/time-words.ts";
import { type AirPart, airTicks, lastingText } from "./air-words.ts";

/** Shares of the band from which a part has its number, and its name, percent. */
const NUMBER_FROM = 9;
const NAME_FROM = 26;
/** A share so small is drawn above its neighbours, percent. */
const SLIVER = 0.6;
/** Labels nearer to an end than this would stand out, percent. */
const TICK_MARGIN = 5;

/** From when to when, and for how long: `10:04:11 – 10:05:00, 0:49`. */
export function spanOf(part: AirPart, isNow: boolean): string {
  return `${momentText(part.fromMs)} – ${isNow ? "now" : momentText(part.toMs)}, ${lastingText(part)}`;
}

/** Colour and pattern of a source; those of encoders come round after four. */
function lookOf(mark: AirPart["mark"]): string {
  return `air-${typeof mark === "number" ? ((mark - 1) % 4) + 1 : mark}`;
}

/** A source's colour and pattern, with its number: what the parts of the band look like. */
export function Swatch({ mark }: { mark: AirPart["mark"] }): JSX.Element {
  return (
    <span class={`air-swatch ${lookOf(mark)}`} aria-hidden="true">
      {typeof mark === "number" && <span class="air-number">{mark}</span>}
    </span>
  );
}

interface BandProps {
  readonly parts: readonly AirPart[];
  /** What the band shows. Milliseconds since the Unix epoch. */
  readonly fromMs: number;
  readonly toMs: number;
  /** The part that is told of below the band. */
  readonly shown: AirPart;
  /** Whether it was chosen; else it is the last one. */
  readonly isChosen: boolean;
  /** The broadcast has ended. */
  readonly isOver: boolean;
  /** `undefined`: the pointer has left. */
  readonly onPoint: (part: AirPart | undefined) => void;
  readonly onPick: (part: AirPart | undefined) => void;
}

function Part({ part, props }: { part: AirPart; props: BandProps }): JSX.Element {
  const { fromMs, toMs, parts, shown, isChosen } = props;
  const at = (ms: number): number => Math.max(0, Math.min(1, (ms - fromMs) / (toMs - fromMs))) * 100;
  const left = at(part.fromMs);
  const width = at(part.toMs) - left;
  const { mark, name } = part;
  const isShown = isChosen && part === shown;
  return (
    <span
      class={`air-part ${lookOf(mark)} ${width < SLIVER ? "air-sliver" : ""} ${isShown ? "air-shown" : ""}`}
      data-at={parts.indexOf(part)}
      style={{ left: `${left}%`, width: `${width}%` }}
    >
      {width >= NUMBER_FROM && (
        <span class="air-label">
          {typeof mark === "number" && <span class="air-number">{mark}</span>}
          {width >= NAME_FROM && <span class="air-name">{name}</span>}
        </span>
      )}
    </span>
  );
}

/** Where a key leads among so many parts; `undefined`: it is another one's. */
function stepOf(key: string, at: number, count: number): number | undefined {
  if (key === "ArrowLeft" || key === "ArrowDown") return Math.max(0, at - 1);
  if (key === "ArrowRight" || key === "ArrowUp") return Math.min(count - 1, at + 1);
  if (key === "Home") return 0;
  return key === "End" ? count - 1 : undefined;
}

/** The time line as a band: one part for each source's time on air. The arrow keys, a pointer or a finger choose a part. */
export function AirBand(props: BandProps): JSX.Element {
  const { parts, fromMs, toMs, shown, isOver, onPoint, onPick } = props;
  const seen = parts.filter((part) => part.toMs > fromMs);
  const at = Math.max(0, seen.indexOf(shown));
  const partOf = (event: Event): AirPart | undefined => {
    const element = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-at]") : null;
    return element === null ? undefined : parts[Number(element.dataset["at"])];
  };
  const ticks = airTicks(fromMs, toMs).map((tick) => ({
    ...tick,
    left: ((tick.atMs - fromMs) / (toMs - fromMs)) * 100,
  }));
  return (
    <>
      <div
        class="air-band"
        role="slider"
        tabIndex={0}
        aria-label="Who was on air: the arrow keys go from one to the next"
        aria-valuemin={1}
        aria-valuemax={seen.length}
        aria-valuenow={at + 1}
        aria-valuetext={`${shown.name}, ${spanOf(shown, shown === parts.at(-1) && !isOver)}. ${shown.reason}`}
        onKeyDown={(event) => {
          const next = event.key === "Escape" ? -1 : stepOf(event.key, at, seen.length);
          if (next === undefined) return;
          event.preventDefault();
          onPick(seen[next]);
        }}
        onPointerMove={(event) => onPoint(partOf(event))}
        onPointerLeave={() => onPoint(undefined)}
        onClick={(event) => onPick(partOf(event))}
      >
        {seen.map((part) => (
          <Part key={parts.indexOf(part)} part={part} props={props} />
        ))}
      </div>
      <div class="air-axis" aria-hidden="true">
        {ticks.map(({ atMs, text, isMinor, left }) => (
          <span key={atMs} class={`air-tick figures ${isMinor ? "air-minor" : ""}`} style={{ left: `${left}%` }}>
            {left >= TICK_MARGIN && left <= 100 - TICK_MARGIN && text}
          </span>
        ))}
      </div>
    </>
  );
}
