import type { JSX } from "preact";
import { Icon, type IconName } from "#web/icons.tsx";
import { hasPictureInPicture, isFullscreen, togglePictureInPicture } from "./fullscreen.ts";
import type { Player } from "./player.ts";
import { stateOf } from "./player-facts.ts";
import { QualityMenu } from "./quality-menu.tsx";
import { SeekBar } from "./seek-bar.tsx";
import { delayText } from "./words.ts";

interface ButtonProps {
  readonly icon: IconName;
  readonly label: string;
  readonly keys?: string;
  readonly class?: string;
  readonly pressed?: boolean;
  readonly onPress: () => void;
}

/** A round button of the control bar, 44 px. */
export function ControlButton({ icon, label, keys, onPress, ...rest }: ButtonProps): JSX.Element {
  return (
    <button
      type="button"
      class={`control ${rest.class ?? ""}`}
      aria-label={label}
      aria-keyshortcuts={keys}
      aria-pressed={rest.pressed}
      title={keys === undefined ? label : `${label} (${keys})`}
      onClick={onPress}
    >
      <Icon name={icon} />
    </button>
  );
}

function Volume({ player }: { player: Player }): JSX.Element {
  const isMuted = player.muted.value;
  return (
    <div class="volume">
      <ControlButton
        icon={isMuted ? "muted" : "sound"}
        label={isMuted ? "Sound on" : "Sound off"}
        keys="M"
        onPress={() => player.setMuted(!isMuted)}
      />
      <input
        class="volume-slider"
        type="range"
        min="0"
        max="1"
        step="0.05"
        aria-label="Volume"
        aria-valuetext={isMuted ? "off" : `${Math.round(player.volume.value * 100)} %`}
        value={isMuted ? 0 : player.volume.value}
        onInput={(event) => player.setVolume(Number(event.currentTarget.value))}
      />
    </div>
  );
}

/** Says whether this is live, and leads back to the live edge. */
function LiveButton({ player }: { player: Player }): JSX.Element | null {
  const state = stateOf(player);
  if (state === "live") {
    return (
      <span class="live-mark">
        <span class="live-dot" />
        Live
      </span>
    );
  }
  if (state !== "behind" && state !== "paused") return null;
  const behind = player.behindMs.value;
  return (
    <button type="button" class="live-button" aria-keyshortcuts="L" title="Go live (L)" onClick={() => player.goLive()}>
      <span class="live-dot live-dot-off" />
      Go live
      {behind > 0 && <span class="live-delay figures">−{delayText(behind)}</span>}
    </button>
  );
}

function Latency({ player }: { player: Player }): JSX.Element | null {
  const latencyMs = player.latencyMs.value;
  // Behind live, the button beside says how far.
  if (latencyMs === undefined || stateOf(player) !== "live") return null;
  return (
    <span class="latency figures" title="Time from the server's capture of the picture to your screen">
      <span class="hidden">Latency </span>
      {delayText(latencyMs)}
    </span>
  );
}

/** What the bar's buttons do to the page around. */
export interface StageActions {
  fullscreen(): void;
  /** Absent where the page cannot change its layout. */
  readonly theatre?: (() => void) | undefined;
  help(): void;
}

/** What lies over the foot of the picture: the seek bar, and buttons below it. */
export function Controls({ player, actions }: { player: Player; actions: StageActions }): JSX.Element {
  const isPaused = player.paused.value;
  const hasPicture = player.phase.value === "playing" || player.phase.value === "reconnecting";
  return (
    <div class="controls" role="group" aria-label="Player" hidden={!hasPicture}>
      <SeekBar player={player} />
      <div class="controls-row">
        <ControlButton
          icon={isPaused ? "play" : "pause"}
          label={isPaused ? "Play" : "Pause"}
          keys="K"
          onPress={() => player.toggle()}
        />
        <Volume player={player} />
        <LiveButton player={player} />
        <span class="controls-space" />
        <Latency player={player} />
        <QualityMenu player={player} />
        <ControlButton icon="help" label="Keys" keys="?" class="wide-only" onPress={actions.help} />
        {hasPictureInPicture() && (
          <ControlButton
            icon="pip"
            label="Picture in picture"
            keys="I"
            class="wide-only"
            onPress={() => togglePictureInPicture(player.video)}
          />
        )}
        {actions.theatre !== undefined && (
          <ControlButton icon="theatre" label="Wide picture" keys="T" class="wide-only" onPress={actions.theatre} />
        )}
        <ControlButton
          icon={isFullscreen.value ? "smallscreen" : "fullscreen"}
          label={isFullscreen.value ? "Leave full screen" : "Full screen"}
          keys="F"
          onPress={actions.fullscreen}
        />
      </div>
    </div>
  );
}
