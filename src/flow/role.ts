/** What every role gives back from its `startX(options)`. */
export interface Role {
  /** Resolves when nothing of it runs any more: `null` after `close()`, the error if it died. */
  readonly closed: Promise<Error | null>;
  /** Idempotent: refuses new work, finishes what runs within `deadlineMs`, then closes. */
  close(options?: { deadlineMs?: number }): Promise<void>;
}
