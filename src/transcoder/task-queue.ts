/** Runs tasks one after the other, beside whoever gives them. The first that fails is the last. */
export class TaskQueue {
  readonly #tasks: (() => Promise<void>)[] = [];
  #isRunning = false;
  #error: unknown;
  #changed = Promise.withResolvers<void>();

  /** Runs the task when those before it are done. */
  push(task: () => Promise<void>): void {
    this.#tasks.push(task);
    if (!this.#isRunning) void this.#work();
  }

  /** Resolves when fewer than `count` tasks are not done. @throws what a task threw. */
  async below(count: number): Promise<void> {
    while (this.#tasks.length >= count && this.#error === undefined) await this.#changed.promise;
    if (this.#error !== undefined) throw this.#error;
  }

  async #work(): Promise<void> {
    this.#isRunning = true;
    try {
      for (;;) {
        const task = this.#tasks[0];
        if (task === undefined) break;
        await task();
        this.#tasks.shift();
        this.#wake();
      }
    } catch (error) {
      this.#error = error;
      this.#wake();
    }
    this.#isRunning = false;
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
