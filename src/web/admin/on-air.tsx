import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { exactText, momentText } from "#web/time-words.ts";
import type { Airtime } from "#web/wire.ts";
import { AirBand, spanOf, Swatch } from "./air-band.tsx";
import { type AirPart, airParts, END_WORDS, lastingText } from "./air-words.ts";

/** Changes in the list before the rest is asked for. */
const CHANGES_SHOWN = 8;

/** What the band may show: everything, or the last so many milliseconds. */
const ZOOMS = [
  { label: "Whole", ms: Number.POSITIVE_INFINITY },
  { label: "Last hour", ms: 3_600_000 },
  { label: "Last 10 min", ms: 600_000 },
] as const;

function Zoom({ chosen, onChoose }: { chosen: number; onChoose: (ms: number) => void }): JSX.Element {
  return (
    <div class="air-zoom" role="group" aria-label="Time shown">
      {ZOOMS.map(({ label, ms }) => (
        <button key={label} type="button" aria-pressed={ms === chosen} onClick={() => onChoose(ms)}>
          {label}
        </button>
      ))}
    </div>
  );
}

/** Which colour, pattern and number is whose. */
function Legend({ parts }: { parts: readonly AirPart[] }): JSX.Element {
  const first = new Map(parts.map((part) => [part.mark, part.name]));
  const order = (mark: AirPart["mark"]): number => (typeof mark === "number" ? mark : Number.POSITIVE_INFINITY);
  return (
    <ul class="air-legend" aria-label="Sources">
      {[...first]
        .sort(([a], [b]) => order(a) - order(b))
        .map(([mark, name]) => (
          <li key={mark}>
            <Swatch mark={mark} />
            <span>{name}</span>
          </li>
        ))}
    </ul>
  );
}

interface ChangeProps {
  readonly part: AirPart;
  readonly before: AirPart | undefined;
  /** It is on air still. */
  readonly isNow: boolean;
}

function Change({ part, before, isNow }: ChangeProps): JSX.Element {
  const { fromMs, mark, name, reason } = part;
  return (
    <li class="air-change">
      <p class="air-when figures">
        <time dateTime={new Date(fromMs).toISOString()} title={exactText(fromMs)}>
          {momentText(fromMs)}
        </time>
        <span class="quiet">{isNow ? "until now" : `for ${lastingText(part)}`}</span>
      </p>
      <p>
        <span class="air-way">
          {before !== undefined && (
            <>
              <Swatch mark={before.mark} />
              <span class="air-before">{before.name}</span>
              <span aria-hidden="true">→</span>
              <span class="hidden"> to </span>
            </>
          )}
          <Swatch mark={mark} />
          <strong>{name}</strong>
        </span>
        <span class="quiet">{reason}</span>
      </p>
    </li>
  );
}

interface ChangesProps {
  readonly parts: readonly AirPart[];
  readonly forgotten: number;
  readonly isOver: boolean;
}

function Changes({ parts, forgotten, isOver }: ChangesProps): JSX.Element {
  const hasAll = useSignal(false);
  const newest = parts.map((part, i) => ({ part, before: parts[i - 1], key: forgotten + i })).reverse();
  const shown = hasAll.value ? newest : newest.slice(0, CHANGES_SHOWN);
  return (
    <>
      <ol class="air-changes" reversed aria-label="Changes, the latest first">
        {shown.map(({ part, before, key }) => (
          <Change key={key} part={part} before={before} isNow={!isOver && part === newest[0]?.part} />
        ))}
      </ol>
      {newest.length > CHANGES_SHOWN && (
        <button
          type="button"
          class="button"
          aria-expanded={hasAll.value}
          onClick={() => {
            hasAll.value = !hasAll.value;
          }}
        >
          {hasAll.value ? `Show the latest ${CHANGES_SHOWN}` : `Show all ${newest.length}`}
        </button>
      )}
      {forgotten > 0 && <p class="quiet">{`${forgotten.toLocaleString()} earlier ones are no longer known.`}</p>}
    </>
  );
}

/** Who was on air when, and why that changed: a band over the time of the broadcast, or of the last one, and each change in words. */
export function OnAir({ airtime }: { airtime: Airtime }): JSX.Element | null {
  const zoomMs = useSignal<number>(Number.POSITIVE_INFINITY);
  /** Parts are named by their place in the whole time line, as older ones may be forgotten meanwhile. */
  const pointed = useSignal<number | undefined>(undefined);
  const picked = useSignal<number | undefined>(undefined);
  const parts = airParts(airtime);
  const [first, last] = [parts[0], parts.at(-1)];
  if (first === undefined || last === undefined) return null;
  const { forgotten, untilMs, endedWhy } = airtime;
  const isOver = endedWhy !== null;
  const place = (part: AirPart | undefined): number | undefined =>
    part === undefined ? undefined : forgotten + parts.indexOf(part);
  const chosen = parts[(pointed.value ?? picked.value ?? Number.POSITIVE_INFINITY) - forgotten];
  const shown = chosen ?? last;
  const toMs = Math.max(untilMs, first.fromMs + 1000);
  return (
    <section class="panel air" aria-labelledby="air-title">
      <div class="panel-head air-head">
        <h3 id="air-title">{isOver ? "Last broadcast" : "On air"}</h3>
        <Zoom
          chosen={zoomMs.value}
          onChoose={(ms) => {
            zoomMs.value = ms;
            picked.value = undefined;
          }}
        />
      </div>
      <AirBand
        parts={parts}
        fromMs={zoomMs.value === Number.POSITIVE_INFINITY ? first.fromMs : toMs - zoomMs.value}
        toMs={toMs}
        shown={shown}
        isChosen={chosen !== undefined}
        isOver={isOver}
        onPoint={(part) => {
          pointed.value = place(part);
        }}
        onPick={(part) => {
          picked.value = place(part);
        }}
      />
      <p class="air-readout">
        <Swatch mark={shown.mark} />
        <span>
          <strong>{shown.name}</strong> <span class="figures">{spanOf(shown, shown === last && !isOver)}</span>
          <span class="quiet">{shown.reason}</span>
        </span>
      </p>
      <Legend parts={parts} />
      {endedWhy !== null && (
        <p class="air-end">
          <time class="figures" dateTime={new Date(untilMs).toISOString()} title={exactText(untilMs)}>
            {momentText(untilMs)}
          </time>
          <span>
            <strong>Off air</strong>
            <span class="quiet">{END_WORDS[endedWhy]}</span>
          </span>
        </p>
      )}
      <Changes parts={parts} forgotten={forgotten} isOver={isOver} />
    </section>
  );
}
