/**
 * A wake-up that many can wait for: {@link Notifier.notify} resolves every promise given out since the last call.
 * Costs nothing while nobody waits.
 */
export class Notifier {
  #waiting: { promise: Promise<void>; resolve: () => void } | undefined;

  /** Resolves at the next {@link notify}. */
  next(): Promise<void> {
    if (this.#waiting === undefined) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting = { promise, resolve };
    }
    return this.#waiting.promise;
  }

  notify(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve();
  }
}
