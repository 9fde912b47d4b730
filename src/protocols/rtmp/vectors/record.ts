// Records what an encoder sends: accepts one publication, writes the encoder's bytes to a file, handshake included.
// Usage: bun src/protocols/rtmp/vectors/record.ts PORT FILE, then publish to rtmp://127.0.0.1:PORT/live/main.
import { createServer } from "node:net";
import { writeFileSync } from "node:fs";
import { RtmpConnection } from "#protocols/rtmp/connection.ts";

const [port = "1935", file = "session.rtmp"] = process.argv.slice(2);
const server = createServer((socket) => {
  const chunks: Uint8Array[] = [];
  socket.on("data", (chunk: Uint8Array) => chunks.push(chunk.slice()));
  const connection: RtmpConnection = new RtmpConnection(socket, {
    nowMs: () => performance.now(),
    listener: {
      publish: () => connection.accept(),
      media: () => undefined,
      finished: () => undefined,
      unknownCommand: () => undefined,
      ended: () => undefined,
      closed: () => {
        writeFileSync(file, Buffer.concat(chunks));
        server.close();
      },
    },
  });
});
server.listen(Number(port), "127.0.0.1");
