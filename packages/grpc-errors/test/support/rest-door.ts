import 'reflect-metadata';
import { freePort, openApp } from '@acme/internal-testing';
import { MessageContextModule } from '@acme/nest-message-context';
import {
  GrpcClientsModule,
  GrpcErrorsModule,
  HttpErrorsFilter,
  InjectGrpcService,
  type GrpcClientOptions,
  type GrpcErrorsModuleOptions,
  type GrpcService,
} from '@acme/nest-grpc-errors';
import { Controller, Get, Module, Res } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { afterEach } from 'vitest';
import { openProbe, PROTO, type Message, type ProbeOptions } from './probe-app.js';

interface Probe {
  unary(request: Message): Promise<Message>;
}

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close();
});

export interface DoorOptions extends Partial<GrpcErrorsModuleOptions> {
  /** In place of a call. */
  readonly local?: (response: unknown) => unknown;
  readonly fastify?: boolean;
  readonly isAway?: boolean;
  readonly errors?: GrpcClientOptions['errors'];
  readonly headers?: Record<string, string>;
  /** Of the service behind it. */
  readonly behind?: Partial<ProbeOptions>;
  /** What goes along with the call. */
  readonly metadata?: Record<string, string>;
}

/** What a REST door answers with a service behind it that does that. */
export async function door(
  handle: ProbeOptions['handle'],
  {
    local,
    fastify = false,
    isAway = false,
    errors = {},
    headers = {},
    behind = {},
    metadata = {},
    ...given
  }: DoorOptions = {},
) {
  const server = await openProbe({ ...behind, handle });
  const url = isAway ? `127.0.0.1:${await freePort()}` : server.url;
  open.push(server);
  @Controller()
  class Door {
    constructor(@InjectGrpcService('probe.v1.Probe') readonly probe: GrpcService<Probe>) {}

    @Get('probe')
    async get(@Res({ passthrough: true }) response: unknown): Promise<unknown> {
      return local ? local(response) : this.probe.unary({ id: 'a' }, { metadata });
    }
  }
  @Module({
    imports: [
      MessageContextModule.forRoot(),
      GrpcErrorsModule.forRoot({ domain: 'door.test', ...given }),
      GrpcClientsModule.register([{ packages: 'probe.v1', protoPath: PROTO, url, errors }]),
    ],
    controllers: [Door],
    providers: [{ provide: APP_FILTER, useClass: HttpErrorsFilter }],
  })
  class DoorModule {}
  const app = await openApp(DoorModule, fastify ? { adapter: new FastifyAdapter() } : {});
  open.push(app);
  const response = await fetch(`${app.url}/probe`, { headers });
  return {
    status: response.status,
    type: response.headers.get('content-type')?.split(';')[0],
    retryAfter: response.headers.get('retry-after'),
    language: response.headers.get('content-language'),
    body: bodyIn(await response.text()),
    log: app.log,
  };
}

function bodyIn(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return { text };
  }
}
