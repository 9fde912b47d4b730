import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { Icon } from "#web/icons.tsx";
import type { Player } from "./player.ts";

interface Choice {
  readonly index: number;
  readonly label: string;
}

function choicesOf(player: Player): Choice[] {
  const playing = player.qualities.value.find(({ index }) => index === player.playingQuality.value);
  const auto = player.chosen.value === -1 && playing !== undefined ? `Auto (${playing.label})` : "Auto";
  return [{ index: -1, label: auto }, ...[...player.qualities.value].reverse()];
}

function onMenuKey(event: KeyboardEvent, menu: HTMLElement, close: () => void): void {
  const items = [...menu.querySelectorAll<HTMLElement>("[role=menuitemradio]")];
  const at = items.indexOf(document.activeElement as HTMLElement);
  const moves: Readonly<Record<string, number>> = {
    ArrowDown: at + 1,
    ArrowUp: at - 1,
    Home: 0,
    End: items.length - 1,
  };
  const to = moves[event.key];
  if (to !== undefined) {
    event.preventDefault();
    items.at(to % items.length)?.focus();
  } else if (event.key === "Escape" || event.key === "Tab") {
    event.preventDefault();
    event.stopPropagation();
    close();
  }
}

/** Chooses the quality; shows the one that plays. Nothing while there is nothing to choose from. */
export function QualityMenu({ player }: { player: Player }): JSX.Element | null {
  const isOpen = useSignal(false);
  const box = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const close = (): void => {
    isOpen.value = false;
    button.current?.focus();
  };
  // Before the next key: it belongs to the menu already.
  useLayoutEffect(() => {
    if (!isOpen.value) return undefined;
    box.current?.querySelector<HTMLElement>("[aria-checked=true]")?.focus();
    const onOutside = (event: Event): void => {
      if (event.target instanceof Node && box.current?.contains(event.target) === false) isOpen.value = false;
    };
    document.addEventListener("pointerdown", onOutside);
    return () => document.removeEventListener("pointerdown", onOutside);
  }, [isOpen.value]);
  if (player.qualities.value.length === 0) return null;
  const playing = player.qualities.value.find(({ index }) => index === player.playingQuality.value);
  return (
    <div class="quality" ref={box}>
      <button
        ref={button}
        type="button"
        class="control control-text figures"
        aria-haspopup="menu"
        aria-expanded={isOpen.value}
        aria-label={`Quality: ${playing?.label ?? "automatic"}`}
        title="Quality"
        onClick={() => {
          isOpen.value = !isOpen.value;
        }}
      >
        {playing?.label ?? "Auto"}
      </button>
      {isOpen.value && (
        <div
          class="menu"
          role="menu"
          aria-label="Quality"
          onKeyDown={(event) => onMenuKey(event, event.currentTarget, close)}
        >
          {choicesOf(player).map(({ index, label }) => (
            <button
              key={index}
              type="button"
              class="menu-item figures"
              role="menuitemradio"
              tabIndex={-1}
              aria-checked={player.chosen.value === index}
              onClick={() => {
                player.choose(index);
                close();
              }}
            >
              <span class="menu-check">{player.chosen.value === index && <Icon name="check" />}</span>
              {label}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}
