import { type Signal, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { Icon } from "#web/icons.tsx";
import { exactText, sinceText } from "#web/time-words.ts";
import type { AdminStream, AdminTarget, TargetState } from "#web/wire.ts";
import { api, problemText } from "./api.ts";
import { Confirm } from "./key-dialogs.tsx";
import { TargetForm } from "./target-form.tsx";
import { TARGET_STATE_WORDS, targetFiguresText, targetProblemText } from "./target-words.ts";

/** How often the states are read while the page is looked at, milliseconds. */
const READ_EVERY_MS = 1_000;

const BADGES: Readonly<Record<TargetState, string>> = {
  waiting: "badge-quiet",
  connecting: "badge-quiet",
  live: "badge-live",
  retrying: "badge-warn",
  refused: "badge-warn",
  stopped: "badge-quiet",
};

interface TargetRowProps {
  readonly target: AdminTarget;
  readonly nowMs: number;
  readonly onSwitch: () => void;
  readonly onChange: () => void;
  readonly onRemove: () => void;
}

function TargetRow({ target, nowMs, onSwitch, onChange, onRemove }: TargetRowProps): JSX.Element {
  const { name, url, state, sinceMs, keyEnd, rendition, enabled, managedBy } = target;
  const problem = targetProblemText(target, nowMs);
  const figures = targetFiguresText(target);
  return (
    <li class="target">
      <div class="target-facts">
        <p class="target-head">
          <strong>{name}</strong>
          <span class={`badge ${BADGES[state]}`}>{TARGET_STATE_WORDS[state]}</span>
          {sinceMs !== null && (
            <span class="quiet" title={exactText(sinceMs)}>
              {sinceText(sinceMs, nowMs)}
            </span>
          )}
        </p>
        <p class="target-place">
          <code>{url}</code>
          <span class="quiet">
            {rendition === "source" ? "source" : `rung ${rendition}`}, key {keyEnd === "" ? "hidden" : `…${keyEnd}`}
          </span>
        </p>
        {managedBy === "file" && <p class="quiet">Declared in the configuration file, and changed there.</p>}
        {figures !== "" && <p class="quiet figures">{figures}</p>}
        {problem !== "" && (
          <p class="target-problem">
            <Icon name="warning" />
            <span>{problem}</span>
          </p>
        )}
      </div>
      <div class="target-actions">
        <button type="button" class="button" aria-label={`${enabled ? "Stop" : "Start"} ${name}`} onClick={onSwitch}>
          <Icon name={enabled ? "pause" : "play"} />
          {enabled ? "Stop" : "Start"}
        </button>
        {managedBy === "platform" && (
          <>
            <button type="button" class="icon-button" aria-label={`Change ${name}`} onClick={onChange}>
              <Icon name="settings" />
            </button>
            <button type="button" class="icon-button" aria-label={`Remove ${name}`} onClick={onRemove}>
              <Icon name="trash" />
            </button>
          </>
        )}
      </div>
    </li>
  );
}

/** The stream's targets, read again and again while the page is looked at; `undefined` before the first answer. */
function useTargets(stream: string): { shown: Signal<readonly AdminTarget[] | undefined>; read: () => Promise<void> } {
  const shown = useSignal<readonly AdminTarget[] | undefined>(undefined);
  const read = async (): Promise<void> => {
    const { targets } = await api.targets(stream);
    shown.value = targets;
  };
  useEffect(() => {
    let isReading = false;
    const readNow = (): void => {
      if (document.hidden || isReading) return;
      isReading = true;
      // The page says itself that the server does not answer.
      void read()
        .catch(() => undefined)
        .finally(() => {
          isReading = false;
        });
    };
    readNow();
    const timer = window.setInterval(readNow, READ_EVERY_MS);
    return () => window.clearInterval(timer);
  }, [stream]);
  return { shown, read };
}

type Asked = { readonly what: "add" } | { readonly what: "change" | "remove"; readonly target: AdminTarget };

interface AskedDialogProps {
  readonly stream: AdminStream;
  readonly asked: Asked;
  readonly onDone: () => Promise<void>;
  readonly onClose: () => void;
}

function AskedDialog({ stream, asked, onDone, onClose }: AskedDialogProps): JSX.Element {
  if (asked.what !== "remove") {
    const target = asked.what === "change" ? asked.target : undefined;
    return <TargetForm stream={stream} target={target} onSaved={onDone} onClose={onClose} />;
  }
  return (
    <Confirm
      title={`Remove ${asked.target.name}`}
      text="The target and its key are removed for good. Its connection ends now; everything else goes on."
      action="Remove target"
      onClose={onClose}
      run={async () => {
        await api.removeTarget(stream.name, asked.target.id);
        await onDone();
      }}
    />
  );
}

/** Where the stream goes beside this platform's viewers: each target's state, and the ways to change them. */
export function Targets({ stream, nowMs }: { stream: AdminStream; nowMs: number }): JSX.Element {
  const { shown, read } = useTargets(stream.name);
  const asked = useSignal<Asked | undefined>(undefined);
  const problem = useSignal("");
  const close = (): void => {
    asked.value = undefined;
  };
  const onDone = async (): Promise<void> => {
    await read();
    close();
  };
  const onSwitch = async ({ id, enabled }: AdminTarget): Promise<void> => {
    try {
      await api.changeTarget(stream.name, id, { enabled: !enabled });
      problem.value = "";
      await read();
    } catch (error) {
      problem.value = problemText(error);
    }
  };
  return (
    <section class="panel" aria-labelledby="targets-title">
      <div class="panel-head">
        <h3 id="targets-title">Restream</h3>
        <button
          type="button"
          class="button"
          onClick={() => {
            asked.value = { what: "add" };
          }}
        >
          <Icon name="plus" />
          Add target
        </button>
      </div>
      {shown.value?.length === 0 && (
        <p class="quiet">This stream goes nowhere else. Add YouTube, Twitch or any server that takes RTMP.</p>
      )}
      <ul class="targets" aria-label="Targets">
        {(shown.value ?? []).map((target) => (
          <TargetRow
            key={target.id}
            target={target}
            nowMs={nowMs}
            onSwitch={() => void onSwitch(target)}
            onChange={() => {
              asked.value = { what: "change", target };
            }}
            onRemove={() => {
              asked.value = { what: "remove", target };
            }}
          />
        ))}
      </ul>
      {problem.value !== "" && (
        <p class="field-problem" role="alert">
          {problem.value}
        </p>
      )}
      {asked.value !== undefined && <AskedDialog stream={stream} asked={asked.value} onDone={onDone} onClose={close} />}
    </section>
  );
}
