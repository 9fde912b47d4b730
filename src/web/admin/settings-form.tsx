import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import type { AdminStream, EffectiveSettings } from "#web/wire.ts";
import { api, problemText, type StreamChange } from "./api.ts";
import { Dialog, FormEnd } from "./dialog.tsx";
import { LATENCY_WORDS, ladderText, partsText } from "./setting-words.ts";

/** Shortest and longest segment that the platform takes, seconds. */
const SEGMENT_SECONDS = { min: 1, max: 10 } as const;
/** Chosen where a stream takes what the platform has. */
const AS_PLATFORM = "platform";
/** Chosen where the rungs are written out. */
const OWN_RUNGS = "own";

/** What stands in the fields: texts, as the person left them. */
interface Draft {
  readonly title: string;
  readonly latency: string;
  readonly segmentSeconds: string;
  readonly ladder: string;
  readonly rungs: string;
}

function draftOf({ title, settings }: AdminStream): Draft {
  const { latency = AS_PLATFORM, segmentSeconds, ladder = AS_PLATFORM } = settings;
  const isNamed = [AS_PLATFORM, "off", "default"].includes(ladder);
  return {
    title,
    latency,
    segmentSeconds: segmentSeconds === undefined ? "" : String(segmentSeconds),
    ladder: isNamed ? ladder : OWN_RUNGS,
    rungs: isNamed ? "" : ladder,
  };
}

/** What is different from what was there: what somebody else changed meanwhile stays. */
function changeOf(before: Draft, draft: Draft): StreamChange {
  const ladderIn = ({ ladder, rungs }: Draft): string => (ladder === OWN_RUNGS ? rungs.trim() : ladder);
  const orNull = (value: string): string | null => (value === AS_PLATFORM ? null : value);
  const seconds = draft.segmentSeconds.trim();
  const settings = {
    ...(draft.latency === before.latency ? {} : { latency: orNull(draft.latency) }),
    ...(seconds === before.segmentSeconds ? {} : { segmentSeconds: seconds === "" ? null : Number(seconds) }),
    ...(ladderIn(draft) === ladderIn(before) ? {} : { ladder: orNull(ladderIn(draft)) }),
  };
  return {
    ...(draft.title === before.title ? {} : { title: draft.title.trim() }),
    ...(Object.keys(settings).length === 0 ? {} : { settings }),
  };
}

interface FieldsProps {
  readonly draft: Draft;
  readonly platform: EffectiveSettings;
  readonly onInput: (change: Partial<Draft>) => void;
}

function LatencyField({ draft, platform, onInput, ownPartMs }: FieldsProps & { ownPartMs: number | undefined }) {
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

function SegmentField({ draft, platform, onInput }: FieldsProps): JSX.Element {
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

function LadderField({ draft, platform, onInput }: FieldsProps): JSX.Element {
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

/** Title, latency, segment length and ladder of a stream, to be changed. */
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
        <p class="form-note">
          The title changes at once. Everything else holds from the stream's next broadcast on
          {stream.health === null ? "." : "; the one on air goes on as it began."}
        </p>
        <FormEnd problem={problem.value} isBusy={isBusy.value} action="Save" onClose={onClose} />
      </form>
    </Dialog>
  );
}
