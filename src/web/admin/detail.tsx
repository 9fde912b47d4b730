import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { CopyButton } from "#web/copy-button.tsx";
import { Icon } from "#web/icons.tsx";
import type { AdminStream, NewKeyAnswer } from "#web/wire.ts";
import { api } from "./api.ts";
import { Health } from "./health.tsx";
import { Confirm, CopyField } from "./key-dialogs.tsx";
import { OnAir } from "./on-air.tsx";
import { Pull } from "./pull.tsx";
import { PullSource } from "./pull-form.tsx";
import type { Room } from "./room.ts";
import { Settings } from "./settings.tsx";
import { Stills } from "./stills.tsx";
import { Targets } from "./targets.tsx";

interface ConnectProps {
  readonly room: Room;
  readonly stream: AdminStream;
  /** What can be done in place of it. */
  readonly instead: ComponentChildren;
}

/** How to connect an encoder to a stream that is off air. */
function Connect({ room, stream, instead }: ConnectProps): JSX.Element {
  const isOwn = stream.managedBy === "platform";
  return (
    <section class="panel" aria-labelledby="connect-title">
      <h3 id="connect-title">Connect an encoder</h3>
      {room.ingest.value.map((url) => (
        <CopyField key={url} label={url.startsWith("rtmps") ? "Server (encrypted)" : "Server"} value={url} />
      ))}
      <div class="copy-field">
        <span class="copy-label">Stream key</span>
        <span class="copy-value quiet">
          {isOwn ? "Shown when it was made. Lost it? Make a new one with “New key”." : "In the configuration file."}
        </span>
      </div>
      <p class="quiet">
        In OBS: Settings → Stream, service Custom…. Then Output, mode Advanced, Keyframe Interval 2 s.
      </p>
      {instead}
    </section>
  );
}

type Asked = "" | "rotate" | "remove";

function Actions({ stream, onAsk }: { stream: AdminStream; onAsk: (what: Asked) => void }): JSX.Element {
  const isOwn = stream.managedBy === "platform";
  const why = isOwn ? undefined : "This stream is declared in the configuration file and is changed there.";
  const watchUrl = `${window.location.origin}/watch/${encodeURIComponent(stream.name)}`;
  return (
    <div class="detail-actions">
      <a class="button" href={watchUrl} target="_blank" rel="noopener">
        <Icon name="open" />
        Watch
      </a>
      <CopyButton text={watchUrl} label="Copy link" />
      <button type="button" class="button" disabled={!isOwn} title={why} onClick={() => onAsk("rotate")}>
        <Icon name="key" />
        New key
      </button>
      <button type="button" class="button" disabled={!isOwn} title={why} onClick={() => onAsk("remove")}>
        <Icon name="trash" />
        Remove
      </button>
    </div>
  );
}

interface DetailProps {
  readonly room: Room;
  readonly stream: AdminStream;
  readonly onKey: (answer: NewKeyAnswer) => void;
}

/** One stream: its health while on air, how to connect while not. */
export function Detail({ room, stream, onKey }: DetailProps): JSX.Element {
  const asked = useSignal<Asked>("");
  const { name, title, health } = stream;
  const close = (): void => {
    asked.value = "";
  };
  const pullSource = <PullSource stream={stream} onChanged={() => room.read()} />;
  const onAirNow = health === null ? "" : " Whoever broadcasts with the old key is cut off now.";
  return (
    <article class="detail" aria-labelledby="detail-title">
      <a class="detail-back button button-quiet" href="#">
        <Icon name="back" />
        Streams
      </a>
      <header class="detail-head">
        <div>
          <h2 id="detail-title">{title === "" ? name : title}</h2>
          <p class="detail-state">
            {health === null && <span class="badge badge-quiet">Off air</span>}
            {health?.state === "live" && <span class="badge badge-live">On air</span>}
            {health?.state === "slate" && <span class="badge badge-warn">Slate on air</span>}
            {health?.state === "interrupted" && <span class="badge badge-warn">Waiting for the encoder</span>}
            <code>{name}</code>
          </p>
        </div>
        <Actions
          stream={stream}
          onAsk={(what) => {
            asked.value = what;
          }}
        />
      </header>
      {health !== null && <Stills stream={name} />}
      {health !== null && <Health name={name} health={health} nowMs={room.nowMs.value} />}
      {stream.lastAirtime !== undefined && <OnAir airtime={stream.lastAirtime} />}
      {stream.pull !== undefined && <Pull pull={stream.pull} nowMs={room.nowMs.value} actions={pullSource} />}
      <Connect room={room} stream={stream} instead={stream.pull === undefined && pullSource} />
      <Targets stream={stream} nowMs={room.nowMs.value} />
      <Settings room={room} stream={stream} />
      {asked.value === "rotate" && (
        <Confirm
          title={`New key for ${name}`}
          text={`The old key stops working at once.${onAirNow}`}
          action="Make a new key"
          onClose={close}
          run={async () => {
            onKey(await api.rotateKey(name));
            close();
          }}
        />
      )}
      {asked.value === "remove" && (
        <Confirm
          title={`Remove ${name}`}
          text={`The stream and its key are removed for good.${health === null ? "" : " Its broadcast ends now."}`}
          action="Remove stream"
          onClose={close}
          run={async () => {
            await api.remove(name);
            window.location.hash = "";
            await room.read();
          }}
        />
      )}
    </article>
  );
}
