import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { AdminStream, AdminStreamsAnswer, EffectiveSettings } from "#web/wire.ts";
import { api, RefusedError } from "./api.ts";

/** How often the figures are read while the page is looked at, milliseconds. */
const READ_EVERY_MS = 1_000;

/** In place of a stream's name in the address's fragment: the hooks are looked at. No stream can be called so. */
export const HOOKS_PLACE = "/hooks";

/** What the control room knows: the streams, which one is looked at, and whether the server answers. */
export class Room {
  readonly streams: Signal<readonly AdminStream[]>;
  readonly ingest: Signal<readonly string[]>;
  /** What streams use that decide nothing for themselves. */
  readonly platformSettings: Signal<EffectiveSettings>;
  /** Name of the stream looked at, from the address's fragment. */
  readonly chosen: Signal<string> = signal("");
  /** The stream looked at, with its histories. */
  readonly detail: Signal<AdminStream | undefined> = signal(undefined);
  readonly isCut: Signal<boolean> = signal(false);
  readonly nowMs: Signal<number> = signal(Date.now());
  readonly shown: ReadonlySignal<AdminStream | undefined> = computed(() => {
    const name = this.chosen.value;
    const detail = this.detail.value;
    return detail?.name === name ? detail : this.streams.value.find((stream) => stream.name === name);
  });
  #reading = false;

  constructor(answer: AdminStreamsAnswer) {
    this.streams = signal(answer.streams);
    this.ingest = signal(answer.ingest.urls);
    this.platformSettings = signal(answer.platformSettings);
    this.#readFragment();
    window.addEventListener("hashchange", () => {
      this.#readFragment();
      void this.read();
    });
    document.addEventListener("visibilitychange", () => void this.read());
    window.setInterval(() => void this.read(), READ_EVERY_MS);
    void this.read();
  }

  #readFragment(): void {
    this.chosen.value = decodeURIComponent(window.location.hash.slice(1));
  }

  /** Reads list and detail; one reading at a time, none in the background. */
  async read(): Promise<void> {
    if (this.#reading || document.hidden) return;
    this.#reading = true;
    const name = this.chosen.value;
    try {
      const [list, detail] = await Promise.all([
        api.list(),
        name === "" || name === HOOKS_PLACE
          ? undefined
          : api.get(name).catch((error: unknown) => {
              if (error instanceof RefusedError) return undefined;
              throw error;
            }),
      ]);
      batch(() => {
        this.streams.value = list.streams;
        this.ingest.value = list.ingest.urls;
        this.platformSettings.value = list.platformSettings;
        this.detail.value = detail;
        this.isCut.value = false;
        this.nowMs.value = Date.now();
      });
    } catch {
      this.isCut.value = true;
    } finally {
      this.#reading = false;
    }
  }
}
