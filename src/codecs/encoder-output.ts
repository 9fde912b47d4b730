import { once } from "node:events";
import { type EncoderRecord, writeEncoderRecord } from "./encoder-wire.ts";

/** Writes records to standard output. Resolves when there is room for more: the pipe's reader sets the pace. */
export async function emit(record: EncoderRecord): Promise<void> {
  if (!process.stdout.write(writeEncoderRecord(record))) await once(process.stdout, "drain");
}
