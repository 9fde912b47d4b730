import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { Icon } from "#web/icons.tsx";
import type { AdminStream } from "#web/wire.ts";
import { api, problemText } from "./api.ts";
import { Dialog, FormEnd } from "./dialog.tsx";
import { Confirm } from "./key-dialogs.tsx";

interface PullFormProps {
  readonly stream: AdminStream;
  readonly onSaved: () => Promise<void>;
  readonly onClose: () => void;
}

/** Asks where a stream is to be fetched from. */
function PullForm({ stream, onSaved, onClose }: PullFormProps): JSX.Element {
  const { pull } = stream;
  const url = useSignal("");
  const loop = useSignal(pull?.loop ?? false);
  const problem = useSignal("");
  const isBusy = useSignal(false);
  const onSubmit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    isBusy.value = true;
    try {
      await api.setPull(stream.name, { url: url.value, loop: loop.value });
      await onSaved();
    } catch (error) {
      problem.value = problemText(error);
      isBusy.value = false;
    }
  };
  return (
    <Dialog title="Fetch this stream from…" onClose={onClose}>
      <form class="form" onSubmit={(event) => void onSubmit(event)}>
        <label for="pull-url">Address</label>
        <input
          id="pull-url"
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          required
          maxLength={2000}
          placeholder="rtmp://host/application/key"
          value={url.value}
          aria-describedby="pull-url-help"
          onInput={({ currentTarget }) => {
            url.value = currentTarget.value;
          }}
        />
        <p class="quiet" id="pull-url-help">
          rtmp, rtmps, http, https, rtsp, rtsps or srt, with user, password and key where it needs them. Kept encrypted
          and never shown again{pull === undefined ? "" : `; now ${pull.place}`}.
        </p>
        <label for="pull-loop">At its end</label>
        <select
          id="pull-loop"
          value={loop.value ? "again" : "once"}
          aria-describedby="pull-loop-help"
          onChange={({ currentTarget }) => {
            loop.value = currentTarget.value === "again";
          }}
        >
          <option value="once">It is over</option>
          <option value="again">It begins again</option>
        </select>
        <p class="quiet" id="pull-loop-help">
          For files of the web; live streams have none.
        </p>
        <FormEnd problem={problem.value} isBusy={isBusy.value} action="Fetch it" onClose={onClose} />
      </form>
    </Dialog>
  );
}

interface PullSourceProps {
  readonly stream: AdminStream;
  /** Called after each change. */
  readonly onChanged: () => Promise<void>;
}

/** What can be done about where a stream is fetched from. */
export function PullSource({ stream, onChanged }: PullSourceProps): JSX.Element {
  const asked = useSignal<"" | "set" | "remove">("");
  const { name, pull } = stream;
  const ask = (what: "" | "set" | "remove") => (): void => {
    asked.value = what;
  };
  const close = ask("");
  if (pull?.managedBy === "file") return <p class="quiet">Declared in the configuration file, and changed there.</p>;
  return (
    <>
      <div class="detail-actions">
        <button type="button" class="button" onClick={ask("set")}>
          <Icon name={pull === undefined ? "plus" : "settings"} />
          {pull === undefined ? "Fetch this stream from…" : "Fetch it from elsewhere…"}
        </button>
        {pull !== undefined && (
          <button type="button" class="button" onClick={ask("remove")}>
            <Icon name="trash" />
            Fetch no more
          </button>
        )}
      </div>
      {asked.value === "set" && (
        <PullForm
          stream={stream}
          onClose={close}
          onSaved={async () => {
            await onChanged();
            close();
          }}
        />
      )}
      {asked.value === "remove" && (
        <Confirm
          title={`Fetch ${name} no more`}
          text="The address is forgotten, and what comes from there ends now. Encoders go on."
          action="Fetch no more"
          onClose={close}
          run={async () => {
            await api.removePull(name);
            await onChanged();
            close();
          }}
        />
      )}
    </>
  );
}
