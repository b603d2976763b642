// What the testing kit must not let pass, and calls that something goes wrong with while they are left.
import 'reflect-metadata';
import {
  expectGrpcError,
  faults,
  startGrpcTestServer,
  type GrpcTestServer,
} from '@acme/nest-grpc-errors/testing';
import type { GrpcService } from '@acme/nest-grpc-errors';
import { BadRequestException, ServiceUnavailableException } from '@nestjs/common';
import { afterEach, describe, expect, it } from 'vitest';
import { probeModule, PROTO, type Message } from './support/probe-app.js';

interface Probe {
  unary(request: Message): Promise<Message>;
}

const open: GrpcTestServer[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

async function scene() {
  const wrong = faults();
  const handled: string[] = [];
  const handle = (message: unknown): unknown => {
    handled.push((message as Message).id);
    return message;
  };
  const server = await startGrpcTestServer(probeModule({ handle, logging: false }), {
    packages: 'probe.v1',
    protoPath: PROTO,
    faults: wrong,
  });
  open.push(server);
  return { wrong, handled, probe: server.client<GrpcService<Probe>>('probe.v1.Probe') };
}

describe('an expectation', () => {
  it('of another call is whether it is unavailable, or says when', async () => {
    const away = new ServiceUnavailableException();
    expectGrpcError(away).toHaveStatus('UNAVAILABLE').toBeRetryable();
    expect(() => expectGrpcError(away).toBeRetryable('2 s' as never)).toThrow('not a duration');
    const { wrong, probe } = await scene();
    wrong.status('RESOURCE_EXHAUSTED', { retryAfter: '1s', times: 1 });
    await expectGrpcError(probe.unary({ id: 'a' })).toBeRetryable('1s');
    wrong.status('RESOURCE_EXHAUSTED');
    await expect(expectGrpcError(probe.unary({ id: 'a' })).toBeRetryable()).rejects.toThrow(
      'toBeRetryable: expected',
    );
  });

  it('of a field is about its reason as well, where that is said', () => {
    const violations = [{ property: 'age', constraints: { isInt: 'age must be an integer' } }];
    const error = new BadRequestException(violations);
    expectGrpcError(error).toHaveViolation('age').toHaveViolation('age', 'IS_INT');
    expect(() => expectGrpcError(error).toHaveViolation('age', 'IS_EMAIL')).toThrow('IS_EMAIL');
  });
});

describe('something that goes wrong', () => {
  it('is with a method by its path, too', async () => {
    const { wrong, probe } = await scene();
    const fault = wrong.status('ABORTED', { method: '/probe.v1.Probe/Unary' });
    await expectGrpcError(probe.unary({ id: 'a' })).toHaveStatus('ABORTED');
    expect(fault.hits).toBe(1);
  });

  it('does not have a call handled late that has been left meanwhile', async () => {
    const { wrong, handled, probe } = await scene();
    wrong.latency(150, { times: 1 });
    await expectGrpcError(probe.unary({ id: 'left' }, { timeout: 50 })).toHaveStatus(
      'DEADLINE_EXCEEDED',
    );
    wrong.latency(200);
    await probe.unary({ id: 'later' });
    expect(handled).toEqual(['later']);
  });
});
