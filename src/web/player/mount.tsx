import { render } from "preact";
import type { LiveStream } from "#web/wire.ts";
import { Player } from "./player.ts";
import { factsOf, type PlayerFacts } from "./player-facts.ts";
import { showPosterFirst } from "./poster-phase.ts";
import { Stage } from "./stage.tsx";

declare global {
  interface Window {
    /** A read-only view of the page's player. */
    readonly grandstand?: PlayerFacts;
  }
}

/** Puts the player in place of what the server rendered. `undefined` when the page has no stage. */
export function mountPlayer(options: { theatre?: () => void } = {}): Player | undefined {
  const root = document.querySelector<HTMLElement>("#player");
  if (root === null) return undefined;
  const stream = JSON.parse(root.dataset["stream"] ?? "{}") as LiveStream;
  const player = new Player(document.createElement("video"), {
    stream,
    autoplay: root.dataset["autoplay"] !== "0",
    muted: root.dataset["muted"] !== "0",
  });
  Object.defineProperty(window, "grandstand", { value: factsOf(player) });
  root.textContent = "";
  render(<Stage player={player} root={root} {...options} />, root);
  showPosterFirst(player);
  void player.open();
  return player;
}
