import type { Player } from "./player.ts";

/** What keys do, as the help shows it. */
export const KEYS: readonly (readonly [string, string])[] = [
  ["Space or K", "Pause, play"],
  ["M", "Sound off, on"],
  ["↑ ↓", "Louder, quieter"],
  ["← →", "Back, forward 5 s"],
  ["L", "Go live"],
  ["F", "Full screen"],
  ["T", "Wide picture"],
  ["I", "Picture in picture"],
  ["?", "This list"],
];

/** What keys need beside the player. */
export interface KeyActions {
  fullscreen(): void;
  theatre(): void;
  pictureInPicture(): void;
  help(): void;
  /** Something was pressed: show the controls. */
  awake(): void;
}

/** Keys that belong to what has the focus: typing, choosing, pressing a button. */
function isTaken(event: KeyboardEvent): boolean {
  const { target } = event;
  if (event.ctrlKey || event.metaKey || event.altKey) return true;
  if (!(target instanceof HTMLElement)) return false;
  if (target.closest("dialog, [role=menu], textarea, select") !== null || target.isContentEditable) return true;
  if (target instanceof HTMLInputElement) return target.type !== "range" || event.key.startsWith("Arrow");
  return (event.key === " " || event.key === "Enter") && target.closest("button, a, summary") !== null;
}

/** Listens on the whole page. */
export function listenToKeys(player: Player, actions: KeyActions): void {
  const commands: Readonly<Record<string, () => void>> = {
    " ": () => player.toggle(),
    k: () => player.toggle(),
    m: () => player.setMuted(!player.muted.value),
    arrowup: () => player.setVolume(player.volume.value + 0.1),
    arrowdown: () => player.setVolume(player.volume.value - 0.1),
    arrowleft: () => player.seekBy(-5),
    arrowright: () => player.seekBy(5),
    l: () => player.goLive(),
    f: () => actions.fullscreen(),
    t: () => actions.theatre(),
    i: () => actions.pictureInPicture(),
    "?": () => actions.help(),
  };
  document.addEventListener("keydown", (event) => {
    if (isTaken(event)) return;
    const command = commands[event.key.toLowerCase()];
    if (command === undefined) return;
    event.preventDefault();
    actions.awake();
    command();
  });
}
