import type { FaultCode } from "./codes.ts";

/** What a {@link Fault} says beside its sentence. */
export interface FaultDetails {
  /** Who caused it: an address, a file name, a stream. */
  peer?: string;
  /** Where: a byte offset, a key path, a clause of a specification. */
  at?: string | number;
  /** What the operator can do about it, as one imperative sentence. */
  hint?: string;
  /** The foreign error this one translates. */
  cause?: unknown;
}

/**
 * An operating error: expected, typed, one log line, no stack for the reader.
 * Programs read {@link Fault.code}, which never changes its meaning; people read the message and the hint.
 */
export class Fault extends Error {
  readonly code: FaultCode;
  readonly peer: string | undefined;
  readonly at: string | number | undefined;
  readonly hint: string | undefined;

  constructor(code: FaultCode, message: string, details: FaultDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "Fault";
    this.code = code;
    this.peer = details.peer;
    this.at = details.at;
    this.hint = details.hint;
  }
}

/** Bytes from outside broke a rule of their protocol. The connection that carried them is closed; nothing else notices. */
export class ProtocolError extends Fault {
  constructor(code: FaultCode, message: string, details: FaultDetails = {}) {
    super(code, message, details);
    this.name = "ProtocolError";
  }
}

/** A broken invariant of our own: a bug. The smallest scope (session, stream, worker) ends; it is never swallowed. */
export class AssertionFailed extends Error {
  constructor(message: string) {
    super(message);
    this.name = "AssertionFailed";
  }
}

/** Throws {@link AssertionFailed} unless `condition` holds. Stays on in production. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionFailed(message);
}

/** For the default branch of a switch that must be exhaustive. */
export function unreachable(value: never, message = "unreachable"): never {
  throw new AssertionFailed(`${message}: ${JSON.stringify(value)}`);
}
