import 'reflect-metadata';
import { closeApp, freePort, openApp, openContext, openMicroservice } from '@acme/internal-testing';
import { Controller, Get, Inject, Injectable, Logger, Module } from '@nestjs/common';
import {
  ClientProxyFactory,
  MessagePattern,
  type MicroserviceOptions,
  Transport,
} from '@nestjs/microservices';
import { lastValueFrom } from 'rxjs';
import { expect, test } from 'vitest';

const closed: string[] = [];

@Injectable()
class Greeter {
  private readonly logger = new Logger('Greeter');

  greet(name: string): string {
    this.logger.warn('greeting');
    return `hello ${name}`;
  }

  onApplicationShutdown(): void {
    closed.push('greeter');
  }
}

@Controller()
class GreetingController {
  constructor(@Inject(Greeter) private readonly greeter: Greeter) {}

  @Get('greeting')
  @MessagePattern('greeting')
  greeting(): string {
    return this.greeter.greet('world');
  }
}

@Module({ controllers: [GreetingController], providers: [Greeter] })
class GreetingModule {}

@Module({ providers: [{ provide: 'broken', useFactory: () => Promise.reject(new Error('no')) }] })
class BrokenModule {}

const tcp = (port: number) =>
  ({
    transport: Transport.TCP,
    options: { host: '127.0.0.1', port },
  }) satisfies MicroserviceOptions;

async function ask(port: number): Promise<unknown> {
  const client = ClientProxyFactory.create(tcp(port));
  try {
    return await lastValueFrom(client.send('greeting', {}));
  } finally {
    await client.close();
  }
}

test('openApp serves HTTP on a free port, records what Nest logs, and closes', async () => {
  const configured: string[] = [];
  const opened = await openApp(GreetingModule, {
    configure: (app) => configured.push(typeof app.useGlobalPipes),
  });
  const response = await fetch(`${opened.url}/greeting`);
  await expect(response.text()).resolves.toBe('hello world');
  expect(configured).toEqual(['function']);
  expect(opened.log.messages('warn')).toEqual(['greeting']);
  expect(opened.log.entries.find(({ level }) => level === 'warn')?.context).toBe('Greeter');

  closed.length = 0;
  await closeApp(opened);
  expect(closed).toEqual(['greeter']);
  await expect(fetch(`${opened.url}/greeting`)).rejects.toThrow('fetch failed');
});

test('a hybrid application answers by both doors', async () => {
  const port = await freePort();
  const opened = await openApp(GreetingModule, { microservices: [tcp(port)] });
  const response = await fetch(`${opened.url}/greeting`);
  await expect(response.text()).resolves.toBe('hello world');
  await expect(ask(port)).resolves.toBe('hello world');
});

test('openMicroservice opens one transport', async () => {
  const port = await freePort();
  const opened = await openMicroservice(GreetingModule, tcp(port));
  await expect(ask(port)).resolves.toBe('hello world');
  await opened.close();
  await expect(ask(port)).rejects.toThrow('ECONNREFUSED');
});

test('openContext opens providers without a transport', async () => {
  const { app } = await openContext(GreetingModule);
  expect(app.get(Greeter).greet('you')).toBe('hello you');
});

test('an application that does not start rejects, and nothing stays open', async () => {
  await expect(openApp(BrokenModule)).rejects.toThrow('no');
  const failing = openApp(GreetingModule, {
    configure: () => Promise.reject(new Error('bad configuration')),
  });
  closed.length = 0;
  await expect(failing).rejects.toThrow('bad configuration');
  expect(closed).toEqual(['greeter']);
});
