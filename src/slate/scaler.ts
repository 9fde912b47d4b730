import { SWS_ACCURATE_RND, SWS_AREA, SWS_BICUBIC, SWS_FULL_CHR_H_INP } from "node-av/constants";
import { FFmpegError, type Frame, SoftwareScaleContext } from "node-av/lib";

/** Scales pictures into others, and converts formats, colour matrix and range on the way. */
export class Scaler {
  #context: SoftwareScaleContext | undefined;
  #flags = 0;

  /** Overwrites `made` with `picture` in the size and format of `made`. @throws FFmpegError. */
  scale(made: Frame, picture: Frame): void {
    const isSmaller = made.width < picture.width || made.height < picture.height;
    const flags = (isSmaller ? SWS_AREA : SWS_BICUBIC) | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INP;
    if (this.#context === undefined || flags !== this.#flags) {
      this.close();
      this.#context = new SoftwareScaleContext();
      // Not told any sizes or formats: then the pictures' own ones count, and their colour matrix and range with them.
      this.#context.allocContext();
      FFmpegError.throwIfError(this.#context.setOption("sws_flags", String(flags)), "set up a scaler");
      this.#flags = flags;
    }
    FFmpegError.throwIfError(this.#context.scaleFrameSync(made, picture), "scale a picture");
  }

  /** Gives its memory back. */
  close(): void {
    this.#context?.freeContext();
    this.#context = undefined;
  }
}
