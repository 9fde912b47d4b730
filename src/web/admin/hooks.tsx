import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { Icon } from "#web/icons.tsx";
import { exactText, momentText } from "#web/time-words.ts";
import type { AdminHook } from "#web/wire.ts";
import { api } from "./api.ts";
import { HOOK_STATE_WORDS, hookFiguresText, hookProblemText, hookTaskText } from "./hook-words.ts";

/** How often the states are read while the page is looked at, milliseconds. */
const READ_EVERY_MS = 1_000;

const BADGES: Readonly<Record<AdminHook["state"], string>> = {
  idle: "badge-quiet",
  working: "badge-good",
  failing: "badge-warn",
  gone: "badge-warn",
};

function Hook({ hook }: { hook: AdminHook }): JSX.Element {
  const { name, url, state, lastDeliveryMs } = hook;
  const figures = hookFiguresText(hook);
  const problem = hookProblemText(hook);
  return (
    <li class="target">
      <div class="target-facts">
        <p class="target-head">
          <code class="target-url">{url}</code>
          <span class={`badge ${BADGES[state]}`}>{HOOK_STATE_WORDS[state]}</span>
          <span class="quiet">{name}</span>
        </p>
        <p class="quiet">{hookTaskText(hook)}</p>
        {figures !== "" && <p class="quiet figures">{figures}</p>}
        {lastDeliveryMs !== null && (
          <p class="quiet" title={exactText(lastDeliveryMs)}>
            Last delivery at {momentText(lastDeliveryMs)}
          </p>
        )}
        {problem !== "" && (
          <p class="target-problem">
            <Icon name="warning" />
            <span>{problem}</span>
          </p>
        )}
      </div>
    </li>
  );
}

/** The programs that are told what happens to streams, and how each takes it. */
export function Hooks(): JSX.Element {
  const shown = useSignal<readonly AdminHook[] | undefined>(undefined);
  useEffect(() => {
    let isReading = false;
    const read = async (): Promise<void> => {
      if (document.hidden || isReading) return;
      isReading = true;
      try {
        shown.value = (await api.hooks()).hooks;
      } catch {
        // The page says itself that the server does not answer.
      } finally {
        isReading = false;
      }
    };
    void read();
    const timer = window.setInterval(() => void read(), READ_EVERY_MS);
    return () => window.clearInterval(timer);
  }, []);
  return (
    <article class="detail" aria-labelledby="hooks-title">
      <a class="detail-back button button-quiet" href="#">
        <Icon name="back" />
        Streams
      </a>
      <header class="detail-head">
        <h2 id="hooks-title">Hooks</h2>
      </header>
      <section class="panel" aria-label="Hooks">
        <p class="quiet">
          Programs of yours that are told what happens to streams, and asked who may publish. They stand in the
          configuration file, under <code>hooks</code>.
        </p>
        {shown.value?.length === 0 && <p class="hooks-none">There is none.</p>}
        <ul class="targets hooks" aria-label="Hooks">
          {(shown.value ?? []).map((hook) => (
            <Hook key={hook.name} hook={hook} />
          ))}
        </ul>
      </section>
    </article>
  );
}
