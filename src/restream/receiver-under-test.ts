import { type AddressInfo, createServer, type Socket } from "node:net";
import type { Fault } from "#faults/fault.ts";
import type { RawFrame } from "#media/frame.ts";
import type { EncoderMetadata } from "#media/publish.ts";
import type { TrackConfig } from "#media/track.ts";
import { RtmpConnection } from "#protocols/rtmp/connection.ts";
import type { MediaEvent } from "#protocols/rtmp/media-event.ts";
import { systemClock } from "#time/system-clock.ts";

const DEADLINE_MS = 20_000;

/** One publication as an RTMP server of ours took it. */
export interface Publication {
  readonly path: string;
  readonly configs: TrackConfig[];
  readonly frames: RawFrame[];
  readonly metadata: EncoderMetadata[];
  /** All of it, in order. */
  readonly media: MediaEvent[];
  finished: boolean;
}

/** A server that a target is. */
export interface ReceiverUnderTest extends AsyncDisposable {
  /** With the application, without the key. */
  readonly url: string;
  readonly publications: readonly Publication[];
  /** Refuses further publications with this; `undefined` lets them in. */
  refusal: Fault | undefined;
  /** Reads nothing more, as a server that hangs; `false`: reads on. */
  hang(isHung: boolean): void;
  /** Breaks its connections. */
  breakConnections(): void;
  /** Looks after each event whether `reached` holds. */
  until(what: string, reached: () => boolean): Promise<void>;
}

function untilHappened(waiting: Set<() => void>, what: string, reached: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = setInterval(() => check(), 20);
    const timer = setTimeout(() => {
      clearInterval(look);
      waiting.delete(check);
      reject(new Error(`waited ${DEADLINE_MS} ms in vain for ${what}`));
    }, DEADLINE_MS);
    const check = (): void => {
      if (!reached()) return;
      clearTimeout(timer);
      clearInterval(look);
      waiting.delete(check);
      resolve();
    };
    waiting.add(check);
    check();
  });
}

/** Starts one on a free port. */
export async function startReceiver(): Promise<ReceiverUnderTest> {
  const publications: Publication[] = [];
  const sockets = new Set<Socket>();
  const waiting = new Set<() => void>();
  const happened = (): void => {
    for (const check of waiting) check();
  };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    let current: Publication | undefined;
    const connection = new RtmpConnection(socket, {
      nowMs: () => systemClock.nowMs(),
      listener: {
        publish: ({ path }) => {
          const refusal = receiver.refusal;
          if (refusal !== undefined) {
            connection.refuse(refusal);
            return;
          }
          current = { path, configs: [], frames: [], metadata: [], media: [], finished: false };
          publications.push(current);
          connection.accept();
          happened();
        },
        media: (event) => {
          current?.media.push(event);
          if (event.kind === "config") current?.configs.push(event.config);
          else if (event.kind === "frame") current?.frames.push(event.frame);
          else if (event.kind === "metadata") current?.metadata.push(event.values);
          happened();
        },
        finished: () => {
          if (current !== undefined) current.finished = true;
          happened();
        },
        unknownCommand: () => undefined,
        closed: () => happened(),
      },
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const receiver: ReceiverUnderTest = {
    url: `rtmp://127.0.0.1:${(server.address() as AddressInfo).port}/live`,
    publications,
    refusal: undefined,
    hang: (isHung) => {
      for (const socket of sockets) {
        if (isHung) socket.pause();
        else socket.resume();
      }
    },
    breakConnections: () => {
      for (const socket of sockets) socket.destroy();
    },
    until: (what, reached) => untilHappened(waiting, what, reached),
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  return receiver;
}
