import { refusalGroup } from "./limits.ts";

/** Networks whose refused keys are remembered at once; the one longest silent is forgotten first. */
export const REFUSAL_GROUPS_MAX = 10_000;
/** A refused key is answered so much later for each recent one of its network, in milliseconds. */
const DELAY_STEP_MS = 1000;
/** The longest such delay, in milliseconds. */
export const REFUSAL_DELAY_MS_MAX = 10_000;
/** One refusal is forgiven after so long, in milliseconds. */
const FORGIVEN_AFTER_MS = 10_000;
/** Refusals a network has free before even its good keys wait a moment. */
const FREE_REFUSALS = 20;
/** Refusals of one network are told once in so long, in milliseconds. */
const TELL_EVERY_MS = 60_000;

interface Group {
  refusals: number;
  sinceMs: number;
  toldMs: number;
  untold: number;
}

/** Remembers refused keys by network, to slow down those who guess and to keep them out of the log. */
export class Refusals {
  readonly #groups = new Map<string, Group>();

  /** How long to wait before a key from this address is looked at: nothing, but for networks that guess in bulk. */
  askDelayMs(address: string, nowMs: number): number {
    const group = this.#groups.get(refusalGroup(address));
    if (group === undefined) return 0;
    forgive(group, nowMs);
    return group.refusals > FREE_REFUSALS ? DELAY_STEP_MS : 0;
  }

  /** Counts one refusal; gives the delay of its answer and, once a minute, how many there were since the last telling. */
  refused(address: string, nowMs: number): { delayMs: number; tell: number } {
    const key = refusalGroup(address);
    const group = this.#groups.get(key) ?? { refusals: 0, sinceMs: nowMs, toldMs: Number.NEGATIVE_INFINITY, untold: 0 };
    forgive(group, nowMs);
    group.refusals++;
    group.untold++;
    // The map keeps insertion order: taken out and put in again, the first is the one longest silent.
    this.#groups.delete(key);
    this.#groups.set(key, group);
    this.#trim();
    let tell = 0;
    if (nowMs - group.toldMs >= TELL_EVERY_MS) {
      tell = group.untold;
      group.untold = 0;
      group.toldMs = nowMs;
    }
    return { delayMs: Math.min(group.refusals * DELAY_STEP_MS, REFUSAL_DELAY_MS_MAX), tell };
  }

  #trim(): void {
    for (const key of this.#groups.keys()) {
      if (this.#groups.size <= REFUSAL_GROUPS_MAX) return;
      this.#groups.delete(key);
    }
  }
}

function forgive(group: Group, nowMs: number): void {
  const forgiven = Math.floor((nowMs - group.sinceMs) / FORGIVEN_AFTER_MS);
  if (forgiven <= 0) return;
  group.refusals = Math.max(0, group.refusals - forgiven);
  group.sinceMs += forgiven * FORGIVEN_AFTER_MS;
}
