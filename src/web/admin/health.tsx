import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { Icon } from "#web/icons.tsx";
import { clockText, exactText, sinceText } from "#web/time-words.ts";
import type { StreamHealth, TrackHealth } from "#web/wire.ts";
import {
  bitrateText,
  codecName,
  encoderName,
  pictureOf,
  rateText,
  secondsText,
  totalBitrate,
  totalHistory,
} from "./figures.ts";
import { api } from "./api.ts";
import { BitrateGraph } from "./graph.tsx";
import { OnAir } from "./on-air.tsx";
import { Sparkline } from "./sparkline.tsx";

function Figure({
  label,
  value,
  note,
  warns = false,
  children,
}: {
  label: string;
  value: string;
  note?: string | undefined;
  warns?: boolean;
  children?: ComponentChildren;
}): JSX.Element {
  return (
    <div class={`figure ${warns ? "figure-warns" : ""}`}>
      <dt>{label}</dt>
      <dd>
        <span class="figure-value figures">
          {warns && <Icon name="warning" />}
          {value}
        </span>
        {note !== undefined && <span class="figure-note figures">{note}</span>}
        {children}
      </dd>
    </div>
  );
}

function Warnings({ health }: { health: StreamHealth }): JSX.Element | null {
  if (health.warnings.length === 0) return null;
  return (
    <ul class="warnings" aria-label="Needs attention">
      {health.warnings.map(({ code, sentence, fix }) => (
        <li key={code} class="warning">
          <Icon name="warning" />
          <p>
            <b>{sentence}</b> {fix}
          </p>
        </li>
      ))}
    </ul>
  );
}

function BitrateFigure({ health, nowMs }: { health: StreamHealth; nowMs: number }): JSX.Element {
  const isOpen = useSignal(false);
  const history = totalHistory(health);
  return (
    <div class={`figure figure-wide ${isOpen.value ? "figure-open" : ""}`}>
      <button
        type="button"
        class="figure-button"
        aria-expanded={isOpen.value}
        onClick={() => {
          isOpen.value = !isOpen.value;
        }}
      >
        <span class="figure-label">Bitrate</span>
        <span class="figure-value figures">{bitrateText(totalBitrate(health))}</span>
        {!isOpen.value && <Sparkline values={history.slice(-120)} label="Bitrate of the last two minutes" />}
        <span class="figure-note">{isOpen.value ? "Hide the graph" : "Show the graph"}</span>
      </button>
      {isOpen.value && (
        <>
          <BitrateGraph values={history} endMs={nowMs} />
          <p class="quiet graph-source">Media received from the encoder, per second, last 5 minutes.</p>
        </>
      )}
    </div>
  );
}

/** One in so many frames: fewer, such as the sound before a broadcast's first keyframe, are no fault. */
const DROPPED_SHARE_WORTH_A_LOOK = 1000;

function KeyframeFigure({ health }: { health: StreamHealth }): JSX.Element {
  const interval = health.keyframeIntervalMs;
  if (interval === null) return <Figure label="Keyframe interval" value="–" note="known after two keyframes" />;
  const { last, average, max } = interval;
  return (
    <Figure
      label="Keyframe interval"
      value={secondsText(last)}
      note={`${secondsText(average)} average, ${secondsText(max)} longest`}
      warns={health.warnings.some(({ code }) => code === "KEYFRAME_INTERVAL_LONG")}
    />
  );
}

function trackFacts(track: TrackHealth): string {
  if (track.kind === "audio") {
    const channels = { 1: "mono", 2: "stereo", 6: "5.1" }[track.channels ?? 0] ?? `${track.channels ?? "?"} channels`;
    return `${((track.sampleRate ?? 0) / 1000).toString()} kHz, ${channels}`;
  }
  const rate = track.frameRate === null ? "" : `, ${rateText(track.frameRate)} fps`;
  return `${track.width ?? "?"} × ${track.height ?? "?"}${rate}`;
}

function Tracks({ tracks }: { tracks: readonly TrackHealth[] }): JSX.Element {
  return (
    <div class="table-box">
      <table class="table table-cards">
        <caption>Tracks</caption>
        <thead>
          <tr>
            <th scope="col">Track</th>
            <th scope="col">Codec</th>
            <th scope="col">Format</th>
            <th scope="col" class="number">
              Bitrate
            </th>
          </tr>
        </thead>
        <tbody class="figures">
          {tracks.map((track) => (
            <tr key={track.name}>
              <th scope="row">{track.name}</th>
              <td data-label="Codec" title={track.codecs}>
                {codecName(track.codec)}
              </td>
              <td data-label="Format">{trackFacts(track)}</td>
              <td data-label="Bitrate" class="number">
                {bitrateText(track.bitrate)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const STATE_WORDS = { "on-air": "On air", merged: "On air, merged", standby: "Stands by" } as const;

/** Calls for another encoder: it comes on air with its next keyframe. */
function SwitchButton({ stream, session }: { stream: string; session: number }): JSX.Element {
  const problem = useSignal("");
  const isAsked = useSignal(false);
  return (
    <>
      <button
        type="button"
        class="button"
        disabled={isAsked.value}
        onClick={async () => {
          isAsked.value = true;
          try {
            await api.switchTo(stream, session);
            problem.value = "";
          } catch (error) {
            problem.value = error instanceof Error ? error.message : String(error);
          } finally {
            isAsked.value = false;
          }
        }}
      >
        Put on air
      </button>
      <span role="status">{problem.value}</span>
    </>
  );
}

function Sessions({ name, health, nowMs }: { name: string; health: StreamHealth; nowMs: number }): JSX.Element {
  if (health.sessions.length === 0) {
    const seen = health.state === "slate" ? "the slate" : "the last picture";
    return <p class="note">No encoder is connected: viewers see {seen} until one delivers.</p>;
  }
  return (
    <div class="table-box">
      <table class="table table-cards">
        <caption>Encoders</caption>
        <thead>
          <tr>
            <th scope="col">Encoder</th>
            <th scope="col">From</th>
            <th scope="col">Connected</th>
            <th scope="col" class="number">
              Bitrate
            </th>
            <th scope="col">State</th>
          </tr>
        </thead>
        <tbody class="figures">
          {health.sessions.map(({ id, role, state, address, protocol, encoder, connectedMs, bitrate, problem }) => (
            <tr key={id}>
              <th scope="row" title={encoder ?? undefined}>
                {encoderName(encoder)}
              </th>
              <td data-label="From">
                {address} <span class="quiet">{protocol.toUpperCase()}</span>
              </td>
              <td data-label="Connected" title={exactText(connectedMs)}>
                {clockText(nowMs - connectedMs)}
              </td>
              <td data-label="Bitrate" class="number">
                {bitrateText(bitrate)}
              </td>
              <td data-label="State">
                {STATE_WORDS[state]} {health.sessions.length > 1 && <span class="quiet">{role}</span>}{" "}
                {problem !== null && (
                  <span class="encoder-problem" title={problem}>
                    <Icon name="warning" /> not decodable
                  </span>
                )}{" "}
                {state === "standby" && problem === null && <SwitchButton stream={name} session={id} />}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The live health of a broadcast: what needs attention first, then the figures, then where they come from. */
export function Health({ name, health, nowMs }: { name: string; health: StreamHealth; nowMs: number }): JSX.Element {
  const picture = pictureOf(health);
  const { counters } = health;
  const mended = counters.clamped + counters.interpolated;
  return (
    <>
      <Warnings health={health} />
      <dl class="figures-grid">
        <Figure label="On air" value={clockText(nowMs - health.sinceMs)} note={sinceText(health.sinceMs, nowMs)} />
        {picture !== undefined && (
          <Figure
            label="Picture"
            value={`${picture.width ?? "?"} × ${picture.height ?? "?"}`}
            note={`${codecName(picture.codec)} · ${picture.codecs}`}
          />
        )}
        {picture !== undefined && (
          <Figure
            label="Frame rate"
            value={picture.frameRate === null ? "–" : `${rateText(picture.frameRate)} fps`}
            note="measured"
          />
        )}
        <KeyframeFigure health={health} />
        <Figure
          label="Dropped frames"
          value={counters.dropped.toLocaleString()}
          note={`of ${counters.framesIn.toLocaleString()} received`}
          warns={counters.dropped * DROPPED_SHARE_WORTH_A_LOOK > counters.framesIn}
        />
        <Figure
          label="Reconnects"
          value={counters.reconnects.toLocaleString()}
          note={mended === 0 ? "no time stamp mended" : `${mended.toLocaleString()} time stamps mended`}
        />
      </dl>
      <BitrateFigure health={health} nowMs={nowMs} />
      <OnAir airtime={health.airtime} />
      <Sessions name={name} health={health} nowMs={nowMs} />
      <Tracks tracks={health.tracks} />
    </>
  );
}
