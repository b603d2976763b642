// Over TLS: with whom a client talks, and who may talk to a service.
import 'reflect-metadata';
import { credentials, ServerCredentials } from '@grpc/grpc-js';
import { testCertificates } from '@acme/internal-testing';
import { RemoteUnavailableError, type GrpcService } from '@acme/nest-grpc-errors';
import {
  expectGrpcError,
  startGrpcTestServer,
  type GrpcTestServer,
} from '@acme/nest-grpc-errors/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { probeModule, PROTO, type Message } from './support/probe-app.js';

interface Probe {
  unary(request: Message): Promise<Message>;
}

const ours = testCertificates();
const others = testCertificates();
const pem = (text: string): Buffer => Buffer.from(text);
const options = { packages: 'probe.v1', protoPath: PROTO };
const module = probeModule({ handle: (message) => message, logging: false });

const serving = (asksClients: boolean): ServerCredentials =>
  ServerCredentials.createSsl(
    pem(ours.ca),
    [{ private_key: pem(ours.server.key), cert_chain: pem(ours.server.cert) }],
    asksClients,
  );

describe.each([
  ['TLS', false],
  ['TLS that asks clients who they are', true],
])('a service over %s', (_, asksClients) => {
  const open: GrpcTestServer[] = [];
  let server: GrpcTestServer;
  beforeAll(async () => {
    server = await startGrpcTestServer(module, { ...options, credentials: serving(asksClients) });
  });
  afterAll(async () => {
    for (const one of [...open, server]) await one.close();
  });

  /** Another client of it: a service that nobody asks, with this as its target. */
  async function probeBy(
    target: NonNullable<Parameters<typeof startGrpcTestServer>[1]['client']>['credentials'],
  ): Promise<GrpcService<Probe>> {
    const { url } = server;
    const other = await startGrpcTestServer(module, {
      ...options,
      client: {
        retry: false,
        useFactory: () => ({ url, ...(target && { credentials: target }) }),
      },
    });
    open.push(other);
    return other.client<GrpcService<Probe>>('probe.v1.Probe');
  }

  const known = [pem(ours.ca), pem(ours.client.key), pem(ours.client.cert)] as const;

  it('is called by who trusts it and is trusted', async () => {
    const trusted = asksClients ? credentials.createSsl(...known) : credentials.createSsl(known[0]);
    await expect((await probeBy(trusted)).unary({ id: 'a' })).resolves.toEqual({ id: 'a' });
    const own = await startGrpcTestServer(module, {
      ...options,
      credentials: serving(asksClients),
      client: { credentials: trusted },
    });
    open.push(own);
    await expect(
      own.client<GrpcService<Probe>>('probe.v1.Probe').unary({ id: 'a' }),
    ).resolves.toEqual({ id: 'a' });
  });

  it.each([
    ['without TLS', undefined, /No connection established/],
    [
      'who trusts another authority',
      credentials.createSsl(pem(others.ca), known[1], known[2]),
      /certificate/i,
    ],
    ...(asksClients
      ? ([
          [
            'who does not say who he is',
            credentials.createSsl(known[0]),
            /No connection established/,
          ],
          [
            'whom another authority vouches for',
            credentials.createSsl(known[0], pem(others.client.key), pem(others.client.cert)),
            /No connection established/,
          ],
        ] as const)
      : []),
  ] as const)('is not there for a client %s', async (_client, target, said) => {
    const probe = await probeBy(target);
    const error = await probe.unary({ id: 'a' }).then(
      () => undefined,
      (failed: unknown) => failed as Error,
    );
    expect(error).toBeInstanceOf(RemoteUnavailableError);
    expect(error?.message).toMatch(said);
    expect(error?.message).toContain('both sides have `credentials` for TLS');
    expectGrpcError(error).toBeRetryable();
  });
});
