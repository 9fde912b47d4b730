/** What a request brings along beside itself, for Hono's routes. */
export interface ApiEnvironment {
  readonly Bindings: {
    /** The peer's IP address; empty when the connection is gone. */
    readonly address: string;
  };
}
