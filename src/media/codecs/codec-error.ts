import { ProtocolError } from "#faults/fault.ts";

const RESTART_HINT = "restart the encoder; if it happens again, choose H.264 and AAC in its settings";

/** A `CODEC_CONFIG_INVALID`: the bytes break the rules of the codec. `hint` says what the operator can do. */
export function configInvalid(message: string, hint: string = RESTART_HINT, at?: string | number): ProtocolError {
  return new ProtocolError("CODEC_CONFIG_INVALID", message, at === undefined ? { hint } : { hint, at });
}

/** A `CODEC_UNSUPPORTED`: valid, but nothing we could show to viewers. */
export function unsupported(message: string, hint: string): ProtocolError {
  return new ProtocolError("CODEC_UNSUPPORTED", message, { hint });
}

/**
 * Runs a parser and turns the reader's `BYTES_TRUNCATED` and `BYTES_INVALID` into `CODEC_CONFIG_INVALID` naming the structure.
 * @throws ProtocolError `CODEC_CONFIG_INVALID`, `CODEC_UNSUPPORTED`.
 */
export function parsing<T>(structure: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    if (error.code !== "BYTES_TRUNCATED" && error.code !== "BYTES_INVALID") throw error;
    throw configInvalid(`${structure}: ${error.message}`, RESTART_HINT, error.at);
  }
}

/** Luma samples in each direction that a picture may have. */
export const PICTURE_SIDE_SAMPLES_MAX = 8192;

/** Refuses pictures without area and such as no decoder of a viewer takes. @throws ProtocolError. */
export function checkPictureSize(structure: string, width: number, height: number): void {
  if (width < 1 || height < 1) throw configInvalid(`${structure}: the picture is empty (${width}x${height})`);
  if (width > PICTURE_SIDE_SAMPLES_MAX || height > PICTURE_SIDE_SAMPLES_MAX) {
    throw unsupported(
      `${structure}: ${width}x${height} is larger than ${PICTURE_SIDE_SAMPLES_MAX} in a direction`,
      "set a smaller output resolution in the encoder",
    );
  }
}
