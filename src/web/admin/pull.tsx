import type { ComponentChildren, JSX } from "preact";
import { Icon } from "#web/icons.tsx";
import { exactText, sinceText } from "#web/time-words.ts";
import type { PullHealth } from "#web/wire.ts";
import { PULL_STATE_WORDS, pullNoteText, pullProblemText } from "./pull-words.ts";

const BADGES: Readonly<Record<PullHealth["state"], string>> = {
  connecting: "badge-quiet",
  live: "badge-live",
  waiting: "badge-warn",
  ended: "badge-quiet",
};

interface PullProps {
  readonly pull: PullHealth;
  readonly nowMs: number;
  /** What can be done about it. */
  readonly actions: ComponentChildren;
}

/** Where the stream is fetched from, and how that goes. */
export function Pull({ pull, nowMs, actions }: PullProps): JSX.Element {
  const { state, place, sinceMs } = pull;
  const problem = pullProblemText(pull, nowMs);
  const note = pullNoteText(pull);
  return (
    <section class="panel" aria-labelledby="pull-title">
      <h3 id="pull-title">Pull</h3>
      <p class="target-head">
        <code class="pull-place">{place}</code>
        <span class={`badge ${BADGES[state]}`}>{PULL_STATE_WORDS[state]}</span>
        <span class="quiet" title={exactText(sinceMs)}>
          {sinceText(sinceMs, nowMs)}
        </span>
      </p>
      {problem !== "" && (
        <p class="target-problem">
          <Icon name="warning" />
          <span>{problem}</span>
        </p>
      )}
      {note !== "" && <p class="quiet">{note}</p>}
      {actions}
    </section>
  );
}
