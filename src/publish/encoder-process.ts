/**
 * The encoder process: FFmpeg's libraries (node-av) run here and nowhere else, so that a crash of a codec ends this process alone and the
 * program that started it keeps its own licence. One argument: {@link EncoderSettings} as JSON. Records of `encoder-wire.ts` go to standard
 * output. It ends when standard input does.
 */
import { Fault } from "#faults/fault.ts";
import { emit } from "#codecs/encoder-output.ts";
import { runFileEncoder } from "./file-encoder.ts";
import type { EncoderSettings } from "./source.ts";
import { runTestEncoder } from "./test-encoder.ts";

process.stdin.on("end", () => process.exit(0));
process.stdin.on("error", () => process.exit(0));
process.stdin.resume();
process.stdout.on("error", () => process.exit(0));

try {
  // Written by `settingsOf` of the same program, a moment ago.
  const settings = JSON.parse(process.argv[2] ?? "{}") as EncoderSettings;
  if (settings.kind === "test") await runTestEncoder(settings);
  else await runFileEncoder(settings);
  await emit({ kind: "end" });
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  const fault = error instanceof Fault ? error : new Fault("MEDIA_UNREADABLE", message);
  await emit({ kind: "fault", code: fault.code, message, hint: fault.hint ?? "" });
}
process.stdout.end(() => process.exit(0));
