import type { JSX } from "preact";
import { Icon } from "#web/icons.tsx";
import { Thumbnail } from "#web/thumbnail.tsx";
import { clockText } from "#web/time-words.ts";
import type { AdminStream } from "#web/wire.ts";
import { bitrateText, formatText, pictureOf, totalBitrate } from "./figures.ts";
import { HOOKS_PLACE, type Room } from "./room.ts";

function summary({ health }: AdminStream, nowMs: number): string {
  if (health === null) return "Off air";
  const picture = pictureOf(health);
  const parts = [clockText(nowMs - health.sinceMs)];
  if (health.state === "slate") return `Slate on air · ${parts[0]}`;
  if (health.state === "interrupted") return `Waiting for the encoder · ${parts[0]}`;
  parts.push(picture === undefined ? "Sound only" : formatText(picture), bitrateText(totalBitrate(health)));
  return parts.join(" · ");
}

/** State as a shape and a word: colour alone would not tell everybody. */
export function StateMark({ stream }: { stream: AdminStream }): JSX.Element {
  const state = stream.health?.state ?? "offline";
  const words = { live: "On air", slate: "Slate on air", interrupted: "Interrupted", offline: "Off air" }[state];
  return (
    <span class={`state-mark state-${state}`} title={words}>
      <span class="hidden">{words}</span>
    </span>
  );
}

/** All streams, the ones on air first. */
export function StreamList({ room, onAdd }: { room: Room; onAdd: () => void }): JSX.Element {
  const nowMs = room.nowMs.value;
  const order = (stream: AdminStream): number => (stream.health === null ? 1 : 0);
  const streams = [...room.streams.value].sort((a, b) => order(a) - order(b) || (a.name < b.name ? -1 : 1));
  return (
    <nav class="list" aria-label="Streams">
      <div class="list-head">
        <h1>Streams</h1>
        <button type="button" class="button button-primary" onClick={onAdd}>
          <Icon name="plus" />
          New stream
        </button>
      </div>
      {streams.length === 0 && (
        <p class="list-empty">No stream yet. Create one to get an address and a key for your encoder.</p>
      )}
      <ul>
        {streams.map((stream) => (
          <li key={stream.name}>
            <a
              class="list-row"
              href={`#${encodeURIComponent(stream.name)}`}
              aria-current={room.chosen.value === stream.name ? "page" : undefined}
            >
              <StateMark stream={stream} />
              <span class="list-name">{stream.title === "" ? stream.name : stream.title}</span>
              {(stream.health?.warnings.length ?? 0) > 0 && (
                <span class="list-warning" title="Needs attention">
                  <Icon name="warning" />
                  <span class="hidden">Needs attention</span>
                </span>
              )}
              <span class="list-facts figures">{summary(stream, nowMs)}</span>
              {stream.health !== null && pictureOf(stream.health) !== undefined && (
                <span class="list-picture">
                  <Thumbnail stream={stream.name} />
                </span>
              )}
            </a>
          </li>
        ))}
      </ul>
      <a
        class="list-more"
        href={`#${HOOKS_PLACE}`}
        aria-current={room.chosen.value === HOOKS_PLACE ? "page" : undefined}
      >
        <Icon name="link" />
        Hooks
      </a>
    </nav>
  );
}
