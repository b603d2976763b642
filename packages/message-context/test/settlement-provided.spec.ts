import 'reflect-metadata';
import { Global, Injectable, Module, type Provider } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { MessageContextModule, Settlement } from '@acme/nest-message-context';
import { describe, expect, it } from 'vitest';

@Injectable()
class Missing {}

describe('a settlement that cannot be provided', () => {
  const open = (provider: Provider): Promise<unknown> => {
    @Global()
    @Module({ providers: [provider], exports: [Settlement] })
    class ProvidingModule {}
    return Test.createTestingModule({
      imports: [MessageContextModule.forRoot(), ProvidingModule],
    }).compile();
  };

  // For Nest, what is optional is so also where it exists and fails: messages would be settled as nobody has asked for.
  it.each<[string, Provider, RegExp]>([
    [
      'fails',
      { provide: Settlement, useFactory: () => Promise.reject(new Error('no broker')) },
      /no broker/,
    ],
    [
      'lacks something',
      { provide: Settlement, useFactory: () => ({}), inject: [Missing] },
      /Missing/,
    ],
  ])('because it %s is found at boot, and not replaced', async (_how, provider, told) => {
    await expect(open(provider)).rejects.toThrow(told);
  });
});
