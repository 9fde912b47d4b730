import { ProtocolError } from "#faults/fault.ts";
import { decodeAmf0, encodeAmf0 } from "./amf0.ts";
import { type AmfValue, amfObject } from "./amf-value.ts";
import { type Message, MessageType } from "./message.ts";

/** A command of NetConnection or NetStream: RTMP 1.0 §7.2. */
export interface Command {
  readonly name: string;
  /** 0 when no answer is wanted. */
  readonly transactionId: number;
  /** The command object; null for most NetStream commands. */
  readonly object: AmfValue;
  readonly args: readonly AmfValue[];
}

/** The AMF0 body of a command or data message; the AMF3 kinds have one format byte before it that may be missing. */
export function amfBody(message: Message): AmfValue[] {
  const { payload, type } = message;
  const amf3 = type === MessageType.COMMAND_AMF3 || type === MessageType.DATA_AMF3;
  return decodeAmf0(amf3 && payload[0] === 0 ? payload.subarray(1) : payload);
}

/** @throws ProtocolError `RTMP_COMMAND` when the message does not begin with a name, `AMF_INVALID`, `BYTES_TRUNCATED`. */
export function parseCommand(message: Message): Command {
  const [name, transactionId, object, ...args] = amfBody(message);
  if (typeof name !== "string") throw new ProtocolError("RTMP_COMMAND", "a command without a name");
  return { name, transactionId: typeof transactionId === "number" ? transactionId : 0, object, args };
}

/** The payload of a command message in AMF0. */
export function encodeCommand(name: string, transactionId: number, object: AmfValue, ...args: AmfValue[]): Uint8Array {
  return encodeAmf0([name, transactionId, object, ...args]);
}

/** The information object of `onStatus`, `_result` and `_error`. */
export function statusInfo(
  level: "status" | "error",
  code: string,
  description: string,
  more: Readonly<Record<string, AmfValue>> = {},
): AmfValue {
  return amfObject({ level, code, description, ...more });
}
