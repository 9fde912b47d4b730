import type { Page } from "playwright-core";
import type { PlayerFacts } from "#web/player/player-facts.ts";
import { eventually } from "./deadline.ts";

/** What the player of our page says of itself, as it is now. */
export function factsOf(page: Page): Promise<PlayerFacts> {
  return page.evaluate(() => {
    const { state, latencyMs, stalls, quality, dateMs } = (window as unknown as { grandstand: PlayerFacts }).grandstand;
    return { state, latencyMs, stalls, quality, dateMs };
  });
}

/** Waits until it is in that state. */
export function untilState(page: Page, state: PlayerFacts["state"], ms = 20_000): Promise<PlayerFacts> {
  return eventually(ms, `the state ${state}`, async () => {
    const facts = await factsOf(page);
    return facts.state === state ? facts : undefined;
  });
}
