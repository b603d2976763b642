import { Agent, request } from 'node:http';
import type { DynamicModule, INestApplication, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

/** An answer over HTTP. */
export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly replayed: boolean;
}

/** What a call brings along. */
interface Call {
  readonly key?: string;
  readonly body?: unknown;
}

/** An application that answers HTTP on the loopback. */
export interface HttpApp {
  readonly app: INestApplication;
  post(path: string, call: Call): Promise<Answer>;
  close(): Promise<void>;
}

export async function openHttp(
  module: Type | DynamicModule,
  configure: (app: INestApplication) => void = () => {},
): Promise<HttpApp> {
  const app = await NestFactory.create(module, { logger: false, forceCloseConnections: true });
  configure(app);
  await app.listen(0, '127.0.0.1');
  const { port } = (app.getHttpServer() as { address(): { port: number } }).address();
  const agent = new Agent({ keepAlive: true });
  return {
    app,
    post: (path, call) => post(agent, port, path, call),
    close: async () => {
      agent.destroy();
      await app.close();
    },
  };
}

/** Node's own client: the cheapest there is, so that what is measured is the server. */
function post(agent: Agent, port: number, path: string, { key, body }: Call): Promise<Answer> {
  const payload = JSON.stringify(body ?? {});
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: '127.0.0.1',
        port,
        path,
        method: 'POST',
        agent,
        timeout: 10_000,
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(payload),
          ...(key === undefined ? {} : { 'idempotency-key': key }),
        },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            text,
            replayed: response.headers['idempotent-replayed'] === 'true',
          }),
        );
      },
    );
    outgoing.on('timeout', () => outgoing.destroy(new Error(`No answer to POST ${path}.`)));
    outgoing.on('error', reject);
    outgoing.end(payload);
  });
}
