import type { JSX } from "preact";
import type { EffectiveSettings } from "#web/wire.ts";
import { BUSY_WORDS, CONTINUITY_WORDS, RETURN_WORDS } from "./setting-words.ts";
import { ALWAYS, AS_PLATFORM, type Draft, type FieldsProps } from "./settings-draft.ts";

/** How long the last picture may be held, seconds. */
const HELD_SECONDS = { min: 0.3, max: 10 } as const;
/** How long a broadcast may wait for an encoder: a day, seconds. */
const GRACE_SECONDS = { min: 0, max: 86_400 } as const;
/** Longest words on a slate, characters. */
const WORDS_CHARACTERS_MAX = 80;

interface ContinuityProps extends FieldsProps {
  readonly platform: EffectiveSettings;
}

interface ChoiceProps extends FieldsProps {
  readonly name: "continuity" | "whenBusy" | "switchBack";
  readonly label: string;
  readonly words: Readonly<Record<string, string>>;
  /** What the platform has. */
  readonly fallback: string;
}

/** A setting with few values, or the platform's. */
function Choice({ name, label, words, fallback, draft, onInput }: ChoiceProps): JSX.Element {
  const id = `set-${name}`;
  return (
    <>
      <label for={id}>{label}</label>
      <select id={id} value={draft[name]} onChange={({ currentTarget }) => onInput({ [name]: currentTarget.value })}>
        <option value={AS_PLATFORM}>As the platform ({fallback})</option>
        {Object.entries(words).map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </>
  );
}

interface SecondsProps extends FieldsProps {
  readonly name: "slateAfter" | "graceSeconds";
  readonly label: string;
  readonly range: { readonly min: number; readonly max: number };
  /** What the platform has, seconds. */
  readonly fallback: number;
  readonly help: string;
}

/** A duration, or the platform's. */
function Seconds({ name, label, range, fallback, help, draft, onInput }: SecondsProps): JSX.Element {
  const id = `set-${name}`;
  return (
    <>
      <label for={id}>{label}</label>
      <input
        id={id}
        type="number"
        inputMode="decimal"
        min={range.min}
        max={range.max}
        step="any"
        value={draft[name]}
        placeholder={`${fallback}, as the platform`}
        aria-describedby={`${id}-help`}
        onInput={({ currentTarget }) => onInput({ [name]: currentTarget.value })}
      />
      <p class="quiet" id={`${id}-help`}>
        {help}
      </p>
    </>
  );
}

function WordsField({ draft, platform, onInput }: ContinuityProps): JSX.Element {
  return (
    <>
      <label for="set-slate-words">Words on the slate</label>
      <input
        id="set-slate-words"
        maxLength={WORDS_CHARACTERS_MAX}
        autocomplete="off"
        value={draft.slateWords}
        placeholder={platform.slateWords}
        aria-describedby="set-slate-words-help"
        onInput={({ currentTarget }) => onInput({ slateWords: currentTarget.value })}
      />
      <p class="quiet" id="set-slate-words-help">
        Below the stream's title on the card. Empty: as the platform. An image or a clip in place of the card is named
        in the configuration file (<code>slateFile</code>).
      </p>
    </>
  );
}

function AlwaysField({ draft, onInput }: FieldsProps): JSX.Element {
  return (
    <>
      <label for="set-always">Without any encoder</label>
      <select
        id="set-always"
        value={draft.alwaysOn}
        onChange={({ currentTarget }) => onInput({ alwaysOn: currentTarget.value })}
      >
        <option value="">Off air</option>
        <option value={ALWAYS}>Always on, with the slate</option>
      </select>
    </>
  );
}

function chosen(draft: Draft, platform: EffectiveSettings): string {
  return draft.continuity === AS_PLATFORM ? platform.continuity : draft.continuity;
}

/** What viewers see while nobody delivers, and which encoder is on air when there are several. */
export function ContinuityFields(props: ContinuityProps): JSX.Element {
  const { draft, platform } = props;
  const continuity = chosen(draft, platform);
  return (
    <fieldset class="form-group">
      <legend>When the encoder fails</legend>
      <Choice
        {...props}
        name="continuity"
        label="Viewers see"
        words={CONTINUITY_WORDS}
        fallback={platform.continuity}
      />
      {continuity !== "hold" && (
        <Seconds
          {...props}
          name="slateAfter"
          label="Last picture held before that, seconds"
          range={HELD_SECONDS}
          fallback={platform.slateAfterMs / 1000}
          help="Nothing changes for shorter hiccups. Empty: as the platform."
        />
      )}
      {(continuity === "slate" || draft.alwaysOn === ALWAYS) && <WordsField {...props} />}
      {continuity !== "end" && (
        <Seconds
          {...props}
          name="graceSeconds"
          label="Waits for an encoder, seconds"
          range={GRACE_SECONDS}
          fallback={platform.graceSeconds}
          help="The broadcast is over when none comes back in this time. Empty: as the platform."
        />
      )}
      <AlwaysField {...props} />
      <Choice {...props} name="whenBusy" label="A second encoder" words={BUSY_WORDS} fallback={platform.whenBusy} />
      <Choice
        {...props}
        name="switchBack"
        label="The backup, when the primary is back"
        words={RETURN_WORDS}
        fallback={platform.switchBack}
      />
    </fieldset>
  );
}
