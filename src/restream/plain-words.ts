import { Fault } from "#faults/fault.ts";

/** What an error of the system means, and what to do. */
interface Words {
  readonly message: string;
  readonly hint: string;
}

const ADDRESS: Words = {
  message: "nothing listens at the target's address",
  hint: "See whether address and port are right, and whether the server is up.",
};
const NAME: Words = {
  message: "there is no server of the target's name",
  hint: "See whether the address is right, and whether this machine can look up names.",
};
const NETWORK: Words = {
  message: "the network does not reach the target",
  hint: "See whether this machine may connect to it.",
};
const BROKEN: Words = {
  message: "the target's server broke the connection",
  hint: "When it happens again and again, see what its log says.",
};
const CERTIFICATE: Words = {
  message: "the target's certificate is not one that is trusted",
  hint: "See whether the address is right; a server with a certificate of its own is reached by rtmp:// only.",
};

const WORDS: Readonly<Record<string, Words>> = {
  ECONNREFUSED: ADDRESS,
  ENOTFOUND: NAME,
  EAI_AGAIN: NAME,
  EAI_FAIL: NAME,
  ENODATA: NAME,
  EHOSTUNREACH: NETWORK,
  ENETUNREACH: NETWORK,
  ETIMEDOUT: NETWORK,
  ENETDOWN: NETWORK,
  ECONNRESET: BROKEN,
  EPIPE: BROKEN,
  CERT_HAS_EXPIRED: CERTIFICATE,
  DEPTH_ZERO_SELF_SIGNED_CERT: CERTIFICATE,
  ERR_TLS_CERT_ALTNAME_INVALID: CERTIFICATE,
  SELF_SIGNED_CERT_IN_CHAIN: CERTIFICATE,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: CERTIFICATE,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: CERTIFICATE,
};

/** A connection's fault in words for operators, where it only has the system's code for it. */
export function inPlainWords(fault: Fault): Fault {
  // One that says what to do knows more than the code does.
  if (fault.hint !== undefined) return fault;
  const { cause } = fault;
  const code = typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : "";
  const words = WORDS[code];
  return words === undefined ? fault : new Fault(fault.code, `${words.message} (${code})`, { hint: words.hint, cause });
}
