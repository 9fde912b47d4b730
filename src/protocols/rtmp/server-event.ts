import type { MediaEvent } from "./media-event.ts";
import type { PublishAddress } from "./publish-address.ts";

/** What an encoder asks for: the dialogue's part of a publish request. */
export interface PublishOffer extends PublishAddress {
  readonly encoder?: string;
}

/** What a server session tells. */
export type ServerEvent =
  | MediaEvent
  /** Answer with `accept` or `refuse`; nothing more is read before. */
  | { readonly kind: "publish"; readonly offer: PublishOffer }
  /** The encoder said goodbye; it may publish again. */
  | { readonly kind: "finished" }
  /** A command that is not part of publishing was ignored. */
  | { readonly kind: "unknown-command"; readonly name: string };

/** Characters of an encoder's name, or of another text of its for people, that are kept. */
const ENCODER_CHARS_MAX = 200;

/** Untrusted text for logs and dashboards: control characters out, cut to length. */
export function printable(text: string): string {
  let clean = "";
  for (const character of text.slice(0, ENCODER_CHARS_MAX)) {
    const code = character.codePointAt(0) ?? 0;
    clean += code < 0x20 || (code >= 0x7f && code < 0xa0) ? "?" : character;
  }
  return clean;
}
