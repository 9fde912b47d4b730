/**
 * The registry of fault codes. A code is stable for programs; `docs/errors.md` has one entry for each (a test compares the two).
 * Names are `AREA_WHAT`.
 */
export const FAULT_CODES = {
  CONFIG_INVALID: "a configuration value is not allowed",
  CONFIG_UNREADABLE: "the configuration file cannot be read or parsed",
  PORT_IN_USE: "another program listens on a port we need",
  PORT_FORBIDDEN: "the system does not let us listen on this port",
  DATA_DIR_UNUSABLE: "the data folder cannot be created or written",
  STORE_FAILED: "the store could not read or write",
  STORE_CONFLICT: "the record was changed by someone else meanwhile, or exists already",
  STREAM_UNKNOWN: "there is no stream of this name",
  STREAM_NAME_INVALID: "a stream name has characters that are not allowed",
  KEY_REFUSED: "the stream key is unknown, revoked or belongs to another stream",
  STREAM_BUSY: "another encoder is publishing to this stream",
  UNAUTHORIZED: "the request lacks a valid token",
  TLS_UNUSABLE: "the certificate or private key cannot be used",
  LIMIT_REACHED: "a configured limit was reached",
  DISK_FULL: "the disk has no room left",
  BYTES_TRUNCATED: "the input ends before the structure does",
  BYTES_INVALID: "the input breaks a rule of its format",
  RTMP_HANDSHAKE: "the RTMP handshake is not valid",
  RTMP_CHUNK: "an RTMP chunk breaks the chunk stream rules",
  RTMP_MESSAGE_TOO_BIG: "an RTMP message is larger than its type may be",
  RTMP_COMMAND: "an RTMP command is malformed or out of order",
  RTMP_TIMEOUT: "an RTMP peer was silent for too long",
  RTMP_REFUSED: "the RTMP server refused our connection or publication",
  AMF_INVALID: "an AMF value is malformed or too deep",
  FLV_INVALID: "an FLV tag is malformed",
  CODEC_UNSUPPORTED: "the codec is not supported",
  CODEC_CONFIG_INVALID: "the codec configuration is malformed",
  CONNECTION_LOST: "the connection was closed or reset by its peer",
  MEDIA_UNREADABLE: "a media file cannot be opened or decoded",
  NOT_CONFORMING: "a server's answer breaks the specification",
  DATA_DIR_BUSY: "another process works on the same data folder",
  KEY_MANAGED: "the stream is declared in the configuration file and is changed there",
  INTERNAL: "a bug of ours ended a session or a request",
  NODE_CRASHED: "the node process ended unexpectedly",
  REQUEST_INVALID: "an API request is malformed or has a value that is not allowed",
  REQUEST_REFUSED: "the request was sent from another site's page",
  NOT_FOUND: "there is nothing at this address",
  METHOD_NOT_ALLOWED: "there is something at this address, but not for this method",
  BROADCAST_STOPPED: "an operator ended the broadcast",
} as const;

/** A stable code of {@link FAULT_CODES}. */
export type FaultCode = keyof typeof FAULT_CODES;
