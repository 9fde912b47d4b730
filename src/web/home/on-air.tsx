import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { CopyButton } from "#web/copy-button.tsx";
import { watchLiveList } from "#web/live-list.ts";
import { Thumbnail } from "#web/thumbnail.tsx";
import { exactText, spanText } from "#web/time-words.ts";
import { waitingWords } from "#web/waiting-words.ts";
import type { LiveStream } from "#web/wire.ts";

function Card({ stream }: { stream: LiveStream }): JSX.Element {
  const { name, title, state, startsSoon, sinceMs, height } = stream;
  return (
    <li class="card">
      <a href={`/watch/${encodeURIComponent(name)}`}>
        <span class="card-stage">
          {height !== null && <Thumbnail stream={name} />}
          {state === "live" ? (
            <span class="badge badge-live">Live</span>
          ) : (
            <span class="badge badge-quiet">{waitingWords(stream)}</span>
          )}
          {height !== null && <span class="chip">{height}p</span>}
        </span>
        <span class="card-title">{title === "" ? name : title}</span>
        <span class="card-meta">
          {sinceMs !== null && !startsSoon && (
            <time dateTime={new Date(sinceMs).toISOString()} title={`Since ${exactText(sinceMs)}`}>
              On air for {spanText(Date.now() - sinceMs)}
            </time>
          )}
        </span>
      </a>
    </li>
  );
}

/** What to do when nothing is on air. */
function Empty({ ingest }: { ingest: string }): JSX.Element {
  return (
    <section class="empty" aria-labelledby="empty-title">
      <h2 id="empty-title">Nothing is on air</h2>
      <p>This page changes by itself when a stream starts. To start one from OBS Studio:</p>
      <ol class="steps">
        <li>
          Open <b>Settings → Stream</b> and choose the service <b>Custom…</b>
        </li>
        <li>
          Server: <code>{ingest}</code> <CopyButton text={ingest} label="Copy" quiet />
        </li>
        <li>
          Stream key: from the start banner, or from the <a href="/admin">control room</a>
        </li>
        <li>
          In <b>Output</b>, mode <b>Advanced</b>, set <b>Keyframe Interval</b> to <b>2 s</b>
        </li>
        <li>
          Press <b>Start Streaming</b>
        </li>
      </ol>
    </section>
  );
}

/** Everything on air, up to date by itself. */
export function OnAir({ first, ingest }: { first: readonly LiveStream[]; ingest: string }): JSX.Element {
  const streams = useSignal(first);
  const minute = useSignal(0);
  useEffect(() => {
    watchLiveList((now) => {
      streams.value = now;
    });
    window.setInterval(() => minute.value++, 20_000);
  }, []);
  void minute.value;
  const count = streams.value.length;
  return (
    <>
      <p class="hidden" role="status">
        {count === 0 ? "Nothing is on air" : `${count} on air`}
      </p>
      {count === 0 ? (
        <Empty ingest={ingest} />
      ) : (
        <ul class="cards">
          {streams.value.map((stream) => (
            <Card key={stream.name} stream={stream} />
          ))}
        </ul>
      )}
    </>
  );
}
