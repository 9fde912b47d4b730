import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { TARGET_PRESETS } from "#web/target-presets.ts";
import type { AdminStream, AdminTarget } from "#web/wire.ts";
import { api, problemText } from "./api.ts";
import { Dialog, FormEnd } from "./dialog.tsx";

/** Chosen for a server that is none of the known services. */
const CUSTOM = "custom";
const CUSTOM_HINT = "Any server that takes RTMP. It may be inside your own network.";
const SOURCE = "source";

/** What stands in the fields: texts, as the person left them. */
interface Draft {
  readonly service: string;
  readonly name: string;
  readonly url: string;
  readonly key: string;
  readonly rendition: string;
}

interface FieldsProps {
  readonly draft: Draft;
  readonly onInput: (change: Partial<Draft>) => void;
}

function Help({ id, children }: { id: string; children: ComponentChildren }): JSX.Element {
  return (
    <p class="quiet" id={id}>
      {children}
    </p>
  );
}

function ServiceField({ draft, onInput }: FieldsProps): JSX.Element {
  const choose = (id: string): void => {
    const preset = TARGET_PRESETS.find((one) => one.id === id);
    onInput({ service: id, name: preset?.name ?? "", url: preset?.url ?? "" });
  };
  const hint = TARGET_PRESETS.find(({ id }) => id === draft.service)?.hint ?? CUSTOM_HINT;
  return (
    <>
      <label for="target-service">Service</label>
      <select
        id="target-service"
        value={draft.service}
        aria-describedby="target-service-help"
        onChange={({ currentTarget }) => choose(currentTarget.value)}
      >
        {TARGET_PRESETS.map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
        <option value={CUSTOM}>Another server</option>
      </select>
      <Help id="target-service-help">{hint}</Help>
    </>
  );
}

/** What fields of names, addresses and keys have in common. */
const PLAIN_INPUT = { autocomplete: "off", autocapitalize: "none", spellcheck: false } as const;

/** Names of the pictures that are on air, for who chooses one. */
function renditionsOf({ health }: AdminStream): string[] {
  const names = health?.tracks.filter(({ kind }) => kind === "video").map(({ name }) => name) ?? [];
  return [...new Set([SOURCE, ...names])];
}

function Fields({
  stream,
  target,
  draft,
  onInput,
}: FieldsProps & { stream: AdminStream; target: AdminTarget | undefined }): JSX.Element {
  const keyHelp =
    target === undefined
      ? "Kept encrypted and never shown again."
      : `Empty: the one it has${target.keyEnd === "" ? "" : `, which ends in ${target.keyEnd}`}.`;
  return (
    <>
      <label for="target-name">Name</label>
      <input
        id="target-name"
        {...PLAIN_INPUT}
        required
        maxLength={60}
        value={draft.name}
        onInput={({ currentTarget }) => onInput({ name: currentTarget.value })}
      />
      <label for="target-url">Address</label>
      <input
        id="target-url"
        {...PLAIN_INPUT}
        required
        maxLength={500}
        placeholder="rtmps://host/application"
        value={draft.url}
        onInput={({ currentTarget }) => onInput({ url: currentTarget.value })}
      />
      <label for="target-key">Stream key</label>
      <input
        id="target-key"
        type="password"
        {...PLAIN_INPUT}
        required={target === undefined}
        maxLength={500}
        value={draft.key}
        aria-describedby="target-key-help"
        onInput={({ currentTarget }) => onInput({ key: currentTarget.value })}
      />
      <Help id="target-key-help">{keyHelp}</Help>
      <label for="target-rendition">Picture</label>
      <input
        id="target-rendition"
        {...PLAIN_INPUT}
        required
        maxLength={40}
        list="target-renditions"
        value={draft.rendition}
        aria-describedby="target-rendition-help"
        onInput={({ currentTarget }) => onInput({ rendition: currentTarget.value })}
      />
      <Help id="target-rendition-help">source, or a rung of the stream's ladder such as 720p.</Help>
      <datalist id="target-renditions">
        {renditionsOf(stream).map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </>
  );
}

interface TargetFormProps {
  readonly stream: AdminStream;
  /** Absent: a new one. */
  readonly target: AdminTarget | undefined;
  readonly onSaved: () => Promise<void>;
  readonly onClose: () => void;
}

function draftOf(target: AdminTarget | undefined): Draft {
  const [first] = TARGET_PRESETS;
  if (target === undefined) {
    return { service: first?.id ?? CUSTOM, name: first?.name ?? "", url: first?.url ?? "", key: "", rendition: SOURCE };
  }
  return { service: CUSTOM, name: target.name, url: target.url, key: "", rendition: target.rendition };
}

/** A target to be added or changed. */
export function TargetForm({ stream, target, onSaved, onClose }: TargetFormProps): JSX.Element {
  const draft = useSignal(draftOf(target));
  const problem = useSignal("");
  const isBusy = useSignal(false);
  const onInput = (change: Partial<Draft>): void => {
    draft.value = { ...draft.value, ...change };
  };
  const onSubmit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const { name, url, key, rendition } = draft.value;
    const written = { name, url, rendition, ...(key === "" ? {} : { key }) };
    isBusy.value = true;
    try {
      if (target === undefined) await api.addTarget(stream.name, written);
      else await api.changeTarget(stream.name, target.id, written);
      await onSaved();
    } catch (error) {
      problem.value = problemText(error);
      isBusy.value = false;
    }
  };
  return (
    <Dialog title={target === undefined ? "New target" : `Change ${target.name}`} onClose={onClose}>
      <form class="form" onSubmit={(event) => void onSubmit(event)}>
        {target === undefined && <ServiceField draft={draft.value} onInput={onInput} />}
        <Fields stream={stream} target={target} draft={draft.value} onInput={onInput} />
        <FormEnd
          problem={problem.value}
          isBusy={isBusy.value}
          action={target === undefined ? "Add target" : "Save"}
          onClose={onClose}
        />
      </form>
    </Dialog>
  );
}
