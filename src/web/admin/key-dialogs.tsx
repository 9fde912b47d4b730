import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { CopyButton } from "#web/copy-button.tsx";
import type { NewKeyAnswer } from "#web/wire.ts";
import { api, problemText } from "./api.ts";
import { Dialog, FormEnd } from "./dialog.tsx";

/** One value to copy. */
export function CopyField({ label, value }: { label: string; value: string }): JSX.Element {
  return (
    <div class="copy-field">
      <span class="copy-label">{label}</span>
      <code class="copy-value">{value}</code>
      <CopyButton text={value} label="Copy" />
    </div>
  );
}

/** A new key, shown this once. */
export function NewKey({ answer, onClose }: { answer: NewKeyAnswer; onClose: () => void }): JSX.Element {
  return (
    <Dialog title={`Key of ${answer.stream.name}`} onClose={onClose}>
      <p class="dialog-text">Copy the key now: it is kept as a fingerprint only and cannot be shown again.</p>
      {answer.ingest.urls.map((url) => (
        <CopyField key={url} label={url.startsWith("rtmps") ? "Server (encrypted)" : "Server"} value={url} />
      ))}
      <CopyField label="Stream key" value={answer.key} />
      <div class="dialog-actions">
        <button type="button" class="button button-primary" onClick={onClose}>
          Done
        </button>
      </div>
    </Dialog>
  );
}

interface ConfirmProps {
  readonly title: string;
  readonly text: string;
  readonly action: string;
  readonly run: () => Promise<void>;
  readonly onClose: () => void;
}

/** Asks before something that cannot be undone. */
export function Confirm({ title, text, action, run, onClose }: ConfirmProps): JSX.Element {
  const problem = useSignal("");
  const isBusy = useSignal(false);
  const onConfirm = async (): Promise<void> => {
    isBusy.value = true;
    try {
      await run();
    } catch (error) {
      problem.value = problemText(error);
      isBusy.value = false;
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <p class="dialog-text">{text}</p>
      {problem.value !== "" && (
        <p class="field-problem" role="alert">
          {problem.value}
        </p>
      )}
      <div class="dialog-actions">
        <button type="button" class="button" onClick={onClose}>
          Cancel
        </button>
        <button type="button" class="button button-danger" disabled={isBusy.value} onClick={() => void onConfirm()}>
          {action}
        </button>
      </div>
    </Dialog>
  );
}

function textOf(form: FormData, name: string): string {
  const value = form.get(name);
  return typeof value === "string" ? value.trim() : "";
}

/** Asks for a name and a title, and adds a stream. */
export function AddStream({
  onAdded,
  onClose,
}: {
  onAdded: (answer: NewKeyAnswer) => void;
  onClose: () => void;
}): JSX.Element {
  const problem = useSignal("");
  const isBusy = useSignal(false);
  const onSubmit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    isBusy.value = true;
    try {
      onAdded(await api.add({ name: textOf(form, "name"), title: textOf(form, "title") }));
    } catch (error) {
      problem.value = problemText(error);
      isBusy.value = false;
    }
  };
  return (
    <Dialog title="New stream" onClose={onClose}>
      <form class="form" onSubmit={(event) => void onSubmit(event)}>
        <label for="new-name">Name</label>
        <input
          id="new-name"
          name="name"
          required
          maxLength={63}
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          aria-describedby="new-name-help"
          aria-invalid={problem.value !== ""}
        />
        <p class="quiet" id="new-name-help">
          Stands in the address of the watch page: a-z, 0-9, - and _.
        </p>
        <label for="new-title">Title</label>
        <input id="new-title" name="title" maxLength={200} autocomplete="off" placeholder="What viewers read" />
        <FormEnd problem={problem.value} isBusy={isBusy.value} action="Create stream" onClose={onClose} />
      </form>
    </Dialog>
  );
}
