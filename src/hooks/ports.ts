/** A message that a hook has not taken yet, as it is stored. */
export interface StoredMessage {
  /** Key of the hook. */
  readonly hook: string;
  /** When it happened, milliseconds since the Unix epoch. */
  readonly happenedMs: number;
  /** As it is posted. */
  readonly body: string;
}

/** Where messages outlive the process, in the order in which they were added. Methods throw when that fails, and have changed nothing then. */
export interface MessageTable {
  /** The first `max` messages behind row `after`. */
  page(after: number, max: number): readonly (StoredMessage & { readonly row: number })[];
  /** Removes rows, adds messages, and gives the rows of these: greater than all others. */
  change(changes: { readonly removed: readonly number[]; readonly added: readonly StoredMessage[] }): readonly number[];
  /** Moves the time of every message by `ms`. */
  shift(ms: number): void;
  /** Keys of the hooks that {@link enrol} wrote last, in the configuration's order. */
  hooks(): readonly string[];
  /** Remembers the keys of hooks, and gives the messages of a key that has another name now to that one. */
  enrol(hooks: readonly string[], renamed: ReadonlyMap<string, string>): void;
}
