import { type Signal, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Icon } from "#web/icons.tsx";
import { Controls } from "./controls.tsx";
import { toggleFullscreen, togglePictureInPicture } from "./fullscreen.ts";
import { KEYS, listenToKeys } from "./keyboard.ts";
import type { Player } from "./player.ts";
import { stateOf } from "./player-facts.ts";
import { stageWords } from "./words.ts";

/** Controls go away after this long without a touch, milliseconds. */
const IDLE_AFTER_MS = 2_600;

/** What lies under words or a button: the last picture, a still one, or the empty stand. */
function groundClass({ phase, isFrozen, hasPoster }: Player): string {
  if (isFrozen.value || phase.value === "over") return "stage-state stage-state-over";
  return hasPoster.value ? "stage-state stage-state-poster" : "stage-state";
}

function Words({ player }: { player: Player }): JSX.Element | null {
  const { value: unsupported } = player.unsupported;
  if (unsupported !== undefined) {
    const text =
      unsupported === "codec"
        ? "It has no decoder for the broadcaster's video format. Safari or another device may have one."
        : "A current Chrome, Edge, Firefox or Safari can.";
    return (
      <div class="stage-state">
        <p class="stage-title">This browser cannot play the stream</p>
        <p class="stage-text">{text}</p>
      </div>
    );
  }
  const words = stageWords(player.phase.value, player.stream.value);
  if (words === undefined || player.needsTap.value) return null;
  // Over a kept picture a line is enough.
  const isQuiet = player.isFrozen.value && player.phase.value !== "over";
  if (isQuiet) return null;
  return (
    <div class={groundClass(player)}>
      {words.busy && <span class="spinner" />}
      <p class="stage-title">{words.title}</p>
      <p class="stage-text">{words.text}</p>
    </div>
  );
}

/** What a line over the last picture says; nothing while all is well. */
function quietText(player: Player): string | undefined {
  const phase = player.phase.value;
  const { state } = player.stream.value;
  const hasPicture = phase === "playing" || phase === "reconnecting" || player.isFrozen.value;
  if (!hasPicture || phase === "over") return undefined;
  if (state === "interrupted" && (phase !== "playing" || player.isStill.value)) {
    return "The broadcaster lost the connection. The picture goes on by itself.";
  }
  if (phase === "playing") return undefined;
  return phase === "offline" || !navigator.onLine
    ? "The server cannot be reached. The picture goes on when it is back."
    : "Reconnecting";
}

function QuietLine({ player }: { player: Player }): JSX.Element | null {
  const text = quietText(player);
  if (text === undefined) return null;
  return (
    <p class="quiet-line">
      <span class="spinner spinner-small" />
      {text}
    </p>
  );
}

function Offers({ player }: { player: Player }): JSX.Element | null {
  if (player.needsTap.value) {
    const { title, name, state } = player.stream.value;
    return (
      <div class={groundClass(player)}>
        <button type="button" class="big-play" onClick={() => player.tap()} aria-label={`Play ${title || name}`}>
          <Icon name="play" />
        </button>
        <p class="stage-text">{state === "offline" ? "Starts soon" : title || name}</p>
      </div>
    );
  }
  if (
    quietText(player) !== undefined ||
    player.phase.value !== "playing" ||
    !player.muted.value ||
    !player.offersSound.value
  )
    return null;
  return (
    <button type="button" class="sound-offer" onClick={() => player.setMuted(false)}>
      <Icon name="muted" />
      Tap for sound
    </button>
  );
}

function Help({ onClose }: { onClose: () => void }): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="help-title" onClose={onClose}>
      <div class="dialog-head">
        <h2 id="help-title">Keys</h2>
        <button type="button" class="control" aria-label="Close" onClick={() => dialog.current?.close()}>
          <Icon name="close" />
        </button>
      </div>
      <dl class="keys">
        {KEYS.map(([key, what]) => (
          <div key={key}>
            <dt>{what}</dt>
            <dd>
              <kbd>{key}</kbd>
            </dd>
          </div>
        ))}
      </dl>
    </dialog>
  );
}

/** What a screen reader says when the state changes. */
function Announcer({ player }: { player: Player }): JSX.Element {
  const state = stateOf(player);
  const words = stageWords(player.phase.value, player.stream.value);
  const spoken: Partial<Record<typeof state, string>> = {
    live: "Live",
    behind: "Behind live. Press L to go live.",
    paused: "Paused",
    reconnecting: "Reconnecting",
  };
  return (
    <p class="hidden" role="status">
      {words === undefined ? spoken[state] : `${words.title}. ${words.text}`}
    </p>
  );
}

/** Controls that go away when nobody moves. `awake` brings them back. */
function useIdle(root: HTMLElement): { readonly isIdle: Signal<boolean>; readonly awake: () => void } {
  const isIdle = useSignal(false);
  const timer = useRef(0);
  const awake = (): void => {
    isIdle.value = false;
    window.clearTimeout(timer.current);
    timer.current = window.setTimeout(() => {
      // Whoever holds a menu open, looks for a moment or moves by keyboard keeps the controls.
      isIdle.value = root.querySelector("[role=menu], .is-seeking, .controls :focus-visible") === null;
    }, IDLE_AFTER_MS);
  };
  useEffect(() => {
    for (const name of ["pointermove", "pointerdown", "focusin"]) root.addEventListener(name, awake);
    root.addEventListener("pointerleave", (event) => {
      // A finger that is lifted has not left.
      if (event.pointerType === "mouse") isIdle.value = true;
    });
    awake();
  }, []);
  return { isIdle, awake };
}

interface StageProps {
  readonly player: Player;
  readonly root: HTMLElement;
  /** Absent where the page cannot change its layout. */
  readonly theatre?: () => void;
}

/** The picture with everything on it. */
export function Stage({ player, root, theatre }: StageProps): JSX.Element {
  const { isIdle, awake } = useIdle(root);
  const showsHelp = useSignal(false);
  const box = useRef<HTMLDivElement>(null);
  const actions = {
    fullscreen: () => toggleFullscreen(root, player.video),
    theatre,
    help: () => {
      showsHelp.value = true;
    },
  };
  useEffect(() => {
    box.current?.append(player.video, player.frozen);
    listenToKeys(player, {
      ...actions,
      theatre: () => theatre?.(),
      pictureInPicture: () => togglePictureInPicture(player.video),
      awake,
    });
  }, []);
  const hidesControls = isIdle.value && stateOf(player) === "live";
  return (
    <div class={`stage-inner ${hidesControls ? "is-idle" : ""}`}>
      <div
        class="stage-picture"
        ref={box}
        onClick={() => {
          if (window.matchMedia("(hover: hover)").matches && player.phase.value === "playing") player.toggle();
        }}
        onDblClick={actions.fullscreen}
      />
      <Words player={player} />
      <QuietLine player={player} />
      <Controls player={player} actions={actions} />
      <Offers player={player} />
      <Announcer player={player} />
      {showsHelp.value && (
        <Help
          onClose={() => {
            showsHelp.value = false;
          }}
        />
      )}
    </div>
  );
}
