import type { SecretFiles } from "#store/ports.ts";
import { isSameSecret, makeKey } from "./stream-key.ts";

/** Name of the secret that holds the admin token. */
const ADMIN_TOKEN_NAME = "admin-token";
/** Shortest admin token an operator may choose, characters. */
export const ADMIN_TOKEN_CHARACTERS_MIN = 16;
/** Longest token that is compared at all, characters. */
export const ADMIN_TOKEN_CHARACTERS_MAX = 256;

/** The token that opens the API and the admin page. */
export interface AdminToken {
  /** For the start banner only. */
  readonly text: string;
  /** In a time that does not depend on `token`. */
  verify(token: string): boolean;
}

/** Takes the configured token, else the one made at an earlier start, else makes one (160 random bits). @throws Fault `DATA_DIR_UNUSABLE`, `DISK_FULL`. */
export async function openAdminToken(secrets: SecretFiles, configured: string | undefined): Promise<AdminToken> {
  let text = configured ?? (await secrets.read(ADMIN_TOKEN_NAME));
  if (text === undefined) {
    text = makeKey();
    await secrets.write(ADMIN_TOKEN_NAME, text);
  }
  const right = text;
  return {
    text: right,
    verify: (token) => token.length <= ADMIN_TOKEN_CHARACTERS_MAX && isSameSecret(token, right),
  };
}
