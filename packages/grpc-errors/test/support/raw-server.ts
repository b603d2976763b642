import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';

/** What comes over the wire of a call, frame by frame. */
export interface RawCall {
  /** 1 is the first. */
  readonly number: number;
  readonly stream: ServerHttp2Stream;
  readonly path: string;
  /** Headers of an answer; then `message`s and `end`, as somebody likes. */
  begin(): RawCall;
  message(bytes?: Uint8Array): RawCall;
  end(trailers?: Record<string, string>): void;
  /** Headers alone: a call that has failed before anything. */
  only(trailers: Record<string, string>): void;
}

const CONTENT = { ':status': 200, 'content-type': 'application/grpc' };
/** `{ id: 'raw' }` of probe.proto. */
const RAW = Buffer.from([0x0a, 3, ...Buffer.from('raw')]);

/** A frame of gRPC: not compressed, its length, its bytes. */
function frame(bytes: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

/** A server of HTTP/2 that knows nothing of gRPC, and answers as no library would. */
export async function rawServer(answer: (call: RawCall) => void) {
  const sessions = new Set<ServerHttp2Session>();
  let number = 0;
  const server = createServer()
    .on('session', (session) => {
      sessions.add(session.on('error', () => {}).on('close', () => sessions.delete(session)));
    })
    .on('stream', (stream, headers) => {
      stream.on('error', () => {});
      let trailing: Record<string, string> = { 'grpc-status': '0' };
      stream.on('wantTrailers', () => stream.sendTrailers(trailing));
      const call: RawCall = {
        number: (number += 1),
        stream,
        path: String(headers[':path']),
        begin: () => {
          stream.respond(CONTENT, { waitForTrailers: true });
          return call;
        },
        message: (bytes = RAW) => {
          stream.write(frame(bytes));
          return call;
        },
        end: (trailers) => {
          trailing = trailers ?? trailing;
          stream.end();
        },
        only: (trailers) => stream.respond({ ...CONTENT, ...trailers }, { endStream: true }),
      };
      answer(call);
    });
  await new Promise<void>((done) => void server.listen(0, '127.0.0.1', done));
  return {
    url: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls: () => number,
    connections: () => sessions.size,
    close: async () => {
      for (const session of sessions) session.destroy();
      await new Promise((done) => void server.close(done));
    },
  };
}
