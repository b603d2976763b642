import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { TestingError, reason } from '../testing.errors.js';
import type { Service } from './contracts.js';
import { Guardian } from './guardian.js';

const execute = promisify(execFile);
const START_DEADLINE_MS = 120_000;

/** Why no container can be run here; undefined when an engine answers. The client alone is not enough. */
export async function dockerObstacle(): Promise<string | undefined> {
  try {
    await execute('docker', ['version', '--format', '{{.Server.Version}}'], { timeout: 3_000 });
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
      ? 'docker is not installed'
      : 'no Docker engine answers';
  }
}

/** A container that we started. */
export interface Container {
  readonly env: Record<string, string>;
  stop(): Promise<void>;
}

/** Runs the service's container, published on free loopback ports, and waits until it answers. */
export async function startContainer(service: Service): Promise<Container> {
  const { image, env, command, ports, addresses } = service.container;
  const name = `acme-${service.name}-${randomUUID()}`;
  // The only way it is removed, at the end of a run as after our death; from before it exists.
  const guardian = new Guardian('docker rm --force --volumes "$1"', [name]);
  const run = [
    ...['run', '--detach', '--rm', '--name', name],
    ...ports.flatMap((port) => ['--publish', `127.0.0.1::${port}`]),
    ...Object.entries(env).flatMap(([key, value]) => ['--env', `${key}=${value}`]),
    image,
    ...command,
  ];
  try {
    // Ten minutes: it may have to fetch the image.
    await execute('docker', run, { timeout: 10 * 60_000 });
    const published = await Promise.all(ports.map((port) => publishedPort(name, port)));
    const found = addresses(published);
    await untilItAnswers(service, found[service.variable] as string);
    return { env: found, stop: () => guardian.release() };
  } catch (error) {
    await guardian.release();
    throw error;
  }
}

async function publishedPort(name: string, port: number): Promise<number> {
  const { stdout } = await execute('docker', ['port', name, String(port)], { timeout: 10_000 });
  return Number(stdout.trim().split('\n')[0]?.split(':').at(-1));
}

async function untilItAnswers(service: Service, url: string): Promise<void> {
  const deadline = Date.now() + START_DEADLINE_MS;
  for (;;) {
    try {
      await service.ping(url, 2_000);
      return;
    } catch (error) {
      if (Date.now() > deadline) {
        throw new TestingError(
          'CONTAINER_NOT_READY',
          `${service.container.image} does not answer ${START_DEADLINE_MS / 1000} s after its start: ${reason(error)}`,
          { cause: error },
        );
      }
    }
    await new Promise((done) => setTimeout(done, 100));
  }
}
