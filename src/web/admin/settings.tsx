import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { Icon } from "#web/icons.tsx";
import type { AdminStream } from "#web/wire.ts";
import type { Room } from "./room.ts";
import { BUSY_WORDS, continuityText, LATENCY_WORDS, ladderText, partsText, RETURN_WORDS } from "./setting-words.ts";
import { SettingsForm } from "./settings-form.tsx";

function Setting({ label, value, isOwn }: { label: string; value: string; isOwn: boolean }): JSX.Element {
  return (
    <div class="setting">
      <dt>{label}</dt>
      <dd>
        {value}
        <span class="quiet">{isOwn ? "this stream's own" : "as the platform"}</span>
      </dd>
    </div>
  );
}

function lowerFirst(words: string): string {
  return words.charAt(0).toLowerCase() + words.slice(1);
}

/** How the stream's next broadcast is written, and the way to change it. */
export function Settings({ room, stream }: { room: Room; stream: AdminStream }): JSX.Element {
  const isChanging = useSignal(false);
  const { settings: own, effectiveSettings: effective, managedBy, health } = stream;
  const isFile = managedBy === "file";
  return (
    <section class="panel" aria-labelledby="settings-title">
      <div class="panel-head">
        <h3 id="settings-title">Settings</h3>
        <button
          type="button"
          class="button"
          disabled={isFile}
          onClick={() => {
            isChanging.value = true;
          }}
        >
          <Icon name="settings" />
          Change
        </button>
      </div>
      <dl class="settings">
        <Setting
          label="Latency"
          value={`${LATENCY_WORDS[effective.latency]}, ${partsText(effective.partMs)}`}
          isOwn={own.latency !== undefined || own.partMs !== undefined}
        />
        <Setting label="Segments" value={`${effective.segmentSeconds} s`} isOwn={own.segmentSeconds !== undefined} />
        <Setting label="Ladder" value={ladderText(effective.ladder)} isOwn={own.ladder !== undefined} />
        <Setting
          label="When the encoder fails"
          value={continuityText(effective)}
          isOwn={own.continuity !== undefined || own.slateAfterMs !== undefined || own.slateWords !== undefined}
        />
        <Setting
          label="Waits for its encoder"
          value={effective.continuity === "end" ? "Not at all" : `${effective.graceSeconds} s`}
          isOwn={own.graceSeconds !== undefined}
        />
        <Setting
          label="Without any encoder"
          value={effective.alwaysOn ? "Always on, with the slate" : "Off air"}
          isOwn={own.alwaysOn !== undefined}
        />
        <Setting label="A second encoder" value={BUSY_WORDS[effective.whenBusy]} isOwn={own.whenBusy !== undefined} />
        <Setting
          label="When the primary is back"
          value={`The backup ${lowerFirst(RETURN_WORDS[effective.switchBack])}`}
          isOwn={own.switchBack !== undefined}
        />
      </dl>
      {isFile && <p class="quiet">This stream is declared in the configuration file and is changed there.</p>}
      {health !== null && (
        <p class="quiet">The next broadcast is written like this; the one on air goes on as it began.</p>
      )}
      {isChanging.value && (
        <SettingsForm
          stream={stream}
          platform={room.platformSettings.value}
          onChanged={async () => {
            await room.read();
            isChanging.value = false;
          }}
          onClose={() => {
            isChanging.value = false;
          }}
        />
      )}
    </section>
  );
}
