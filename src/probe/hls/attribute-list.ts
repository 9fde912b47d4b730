import { ProtocolError } from "#faults/fault.ts";

/** A playlist that a strict client must refuse. `at` is the line number, counted from 1. */
export class PlaylistError extends ProtocolError {
  constructor(message: string, line: number) {
    super("NOT_CONFORMING", message, { at: `line ${line}`, hint: "Correct the playlist the server writes." });
    this.name = "PlaylistError";
  }
}

interface AttributeValue {
  readonly text: string;
  readonly quoted: boolean;
}

const ATTRIBUTE = /([A-Z0-9-]+)=("[^"\r\n]*"|[^",\s][^",]*)(,|$)/y;

/**
 * An attribute list (draft-pantos-hls-rfc8216bis §4.2): `NAME=value,…`, each name once.
 * Getters check the value's type and throw {@link PlaylistError} naming line and attribute.
 */
export class AttributeList {
  readonly #values = new Map<string, AttributeValue>();
  readonly #line: number;

  private constructor(line: number) {
    this.#line = line;
  }

  /** Parses the text behind a tag's colon. @throws PlaylistError. */
  static parse(text: string, line: number): AttributeList {
    const list = new AttributeList(line);
    let at = 0;
    while (at < text.length) {
      ATTRIBUTE.lastIndex = at;
      const match = ATTRIBUTE.exec(text);
      const [all, name, value, comma] = match ?? [];
      if (all === undefined || name === undefined || value === undefined) {
        throw new PlaylistError(`malformed attribute list at ${JSON.stringify(text.slice(at, at + 40))}`, line);
      }
      if (list.#values.has(name)) throw new PlaylistError(`attribute ${name} appears twice`, line);
      const quoted = value.startsWith('"');
      list.#values.set(name, { text: quoted ? value.slice(1, -1) : value, quoted });
      at += all.length;
      if (comma === "," && at === text.length) throw new PlaylistError("attribute list ends with a comma", line);
    }
    return list;
  }

  #get(name: string, quoted: boolean): string | undefined {
    const value = this.#values.get(name);
    if (value === undefined) return undefined;
    if (value.quoted !== quoted) {
      throw new PlaylistError(`attribute ${name} must ${quoted ? "" : "not "}be quoted`, this.#line);
    }
    return value.text;
  }

  #required<T>(name: string, value: T | undefined): T {
    if (value === undefined) throw new PlaylistError(`attribute ${name} is missing`, this.#line);
    return value;
  }

  quoted(name: string): string | undefined {
    return this.#get(name, true);
  }

  requiredQuoted(name: string): string {
    return this.#required(name, this.quoted(name));
  }

  enumerated(name: string): string | undefined {
    return this.#get(name, false);
  }

  /** `YES` or `NO`; absent is `NO`. */
  yes(name: string): boolean {
    const value = this.enumerated(name);
    if (value !== undefined && value !== "YES" && value !== "NO") {
      throw new PlaylistError(`attribute ${name} must be YES or NO, not ${value}`, this.#line);
    }
    return value === "YES";
  }

  /** A decimal-integer. */
  integer(name: string): number | undefined {
    const value = this.#get(name, false);
    if (value === undefined) return undefined;
    if (!/^\d{1,15}$/.test(value)) throw new PlaylistError(`attribute ${name} is not a decimal integer`, this.#line);
    return Number(value);
  }

  requiredInteger(name: string): number {
    return this.#required(name, this.integer(name));
  }

  /** A decimal-floating-point number, not negative. */
  decimal(name: string): number | undefined {
    const value = this.#get(name, false);
    if (value === undefined) return undefined;
    if (!/^\d{1,12}(\.\d{1,12})?$/.test(value)) {
      throw new PlaylistError(`attribute ${name} is not a decimal number`, this.#line);
    }
    return Number(value);
  }

  requiredDecimal(name: string): number {
    return this.#required(name, this.decimal(name));
  }

  /** A decimal-resolution, `WIDTHxHEIGHT`. */
  resolution(name: string): { width: number; height: number } | undefined {
    const value = this.#get(name, false);
    if (value === undefined) return undefined;
    const match = /^(\d{1,5})x(\d{1,5})$/.exec(value);
    if (match === null) throw new PlaylistError(`attribute ${name} is not WIDTHxHEIGHT`, this.#line);
    return { width: Number(match[1]), height: Number(match[2]) };
  }
}
