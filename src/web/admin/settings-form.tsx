import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import type { AdminStream, EffectiveSettings } from "#web/wire.ts";
import { api, problemText } from "./api.ts";
import { ContinuityFields } from "./continuity-fields.tsx";
import { Dialog, FormEnd } from "./dialog.tsx";
import { LATENCY_WORDS, ladderText, partsText } from "./setting-words.ts";
import { AS_PLATFORM, changeOf, type Draft, draftOf, type FieldsProps, OWN_RUNGS } from "./settings-draft.ts";

/** Shortest and longest segment that the platform takes, seconds. */
const SEGMENT_SECONDS = { min: 1, max: 10 } as const;
interface PlatformProps extends FieldsProps {
  readonly platform: EffectiveSettings;
}

function LatencyField({ draft, platform, onInput, ownPartMs }: PlatformProps & { ownPartMs: number | undefined }) {
  return (
    <>
      <label for="set-latency">Latency</label>
      <select
        id="set-latency"
        value={draft.latency}
        aria-describedby={ownPartMs === undefined ? undefined : "set-latency-help"}
        onChange={({ currentTarget }) => onInput({ latency: currentTarget.value })}
      >
        <option value={AS_PLATFORM}>As the platform ({platform.latency})</option>
        {Object.entries(LATENCY_WORDS).map(([latency, words]) => (
          <option key={latency} value={latency}>
            {words}
          </option>
        ))}
      </select>
      {ownPartMs !== undefined && (
        <p class="quiet" id="set-latency-help">
          This stream has {partsText(ownPartMs)}, whatever is chosen here.
        </p>
      )}
    </>
  );
}

function SegmentField({ draft, platform, onInput }: PlatformProps): JSX.Element {
  return (
    <>
      <label for="set-segment">Segment length, seconds</label>
      <input
        id="set-segment"
        type="number"
        inputMode="decimal"
        min={SEGMENT_SECONDS.min}
        max={SEGMENT_SECONDS.max}
        step="any"
        value={draft.segmentSeconds}
        placeholder={`${platform.segmentSeconds}, as the platform`}
        aria-describedby="set-segment-help"
        onInput={({ currentTarget }) => onInput({ segmentSeconds: currentTarget.value })}
      />
      <p class="quiet" id="set-segment-help">
        Best a multiple of the encoder's keyframe interval. Empty: as the platform.
      </p>
    </>
  );
}

function LadderField({ draft, platform, onInput }: PlatformProps): JSX.Element {
  return (
    <>
      <label for="set-ladder">Ladder</label>
      <select
        id="set-ladder"
        value={draft.ladder}
        aria-describedby="set-ladder-help"
        onChange={({ currentTarget }) => onInput({ ladder: currentTarget.value })}
      >
        <option value={AS_PLATFORM}>As the platform ({platform.ladder})</option>
        <option value="off">{ladderText("off")}</option>
        <option value="default">{ladderText("default")}</option>
        <option value={OWN_RUNGS}>Rungs of its own</option>
      </select>
      <p class="quiet" id="set-ladder-help">
        Smaller pictures for slower connections, made by this platform.
      </p>
      {draft.ladder === OWN_RUNGS && (
        <>
          <label for="set-rungs">Rungs</label>
          <input
            id="set-rungs"
            required
            maxLength={200}
            value={draft.rungs}
            placeholder="720:2500k,480,360"
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
            aria-describedby="set-rungs-help"
            onInput={({ currentTarget }) => onInput({ rungs: currentTarget.value })}
          />
          <p class="quiet" id="set-rungs-help">
            Up to eight heights, each with a bitrate or without: 720:2500k,480,360. Only those below the source are
            made.
          </p>
        </>
      )}
    </>
  );
}

interface SettingsFormProps {
  readonly stream: AdminStream;
  readonly platform: EffectiveSettings;
  readonly onChanged: () => Promise<void>;
  readonly onClose: () => void;
}

/** Title and settings of a stream, to be changed. */
export function SettingsForm({ stream, platform, onChanged, onClose }: SettingsFormProps): JSX.Element {
  const before = useSignal(draftOf(stream)).value;
  const draft = useSignal(before);
  const problem = useSignal("");
  const isBusy = useSignal(false);
  const onInput = (change: Partial<Draft>): void => {
    draft.value = { ...draft.value, ...change };
  };
  const onSubmit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const change = changeOf(before, draft.value);
    isBusy.value = true;
    try {
      if (Object.keys(change).length > 0) await api.change(stream.name, change);
      await onChanged();
    } catch (error) {
      problem.value = problemText(error);
      isBusy.value = false;
    }
  };
  const fields = { draft: draft.value, platform, onInput };
  return (
    <Dialog title={`Settings of ${stream.name}`} onClose={onClose}>
      <form class="form" onSubmit={(event) => void onSubmit(event)}>
        <label for="set-title">Title</label>
        <input
          id="set-title"
          maxLength={200}
          autocomplete="off"
          placeholder="What viewers read"
          value={draft.value.title}
          onInput={({ currentTarget }) => onInput({ title: currentTarget.value })}
        />
        <LatencyField {...fields} ownPartMs={stream.settings.partMs} />
        <SegmentField {...fields} />
        <LadderField {...fields} />
        <ContinuityFields {...fields} />
        <p class="form-note">
          The title changes at once. Everything else holds from the stream's next broadcast on
          {stream.health === null ? "." : "; the one on air goes on as it began."}
        </p>
        <FormEnd problem={problem.value} isBusy={isBusy.value} action="Save" onClose={onClose} />
      </form>
    </Dialog>
  );
}
