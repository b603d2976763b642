// Words for people, in the language that a caller asks for.
import 'reflect-metadata';
import { Metadata } from '@grpc/grpc-js';
import { GrpcError, type GrpcErrorsModuleOptions } from '@acme/nest-grpc-errors';
import { afterEach, describe, expect, it } from 'vitest';
import { openProbe } from './support/probe-app.js';
import { door } from './support/rest-door.js';

let opened: Awaited<ReturnType<typeof openProbe>> | undefined;
afterEach(async () => {
  await opened?.close();
  opened = undefined;
});

@GrpcError<OrderNotFoundError>({ code: 'NOT_FOUND', metadata: ['orderId'] })
class OrderNotFoundError extends Error {
  readonly orderId = '7';
}

@GrpcError({
  code: 'NOT_FOUND',
  details: () => ({ localizedMessage: { locale: 'fr', message: 'à elle' } }),
})
class FrenchError extends Error {}

const fails = (error: unknown) => () => {
  throw error;
};
const notFound = fails(new OrderNotFoundError('no order'));

type Localize = NonNullable<GrpcErrorsModuleOptions['localize']>;

const german: Localize = ({ domain, reason }, { orderId }, locale) =>
  reason === 'ORDER_NOT_FOUND' ? `${domain} ${locale}: Bestellung ${orderId} fehlt` : undefined;

async function answer(
  handle: () => unknown,
  localize: Localize = german,
  languages = 'de-CH, de;q=0.9',
) {
  opened = await openProbe({ handle, localize });
  const metadata = new Metadata();
  if (languages) metadata.set('accept-language', languages);
  const { error, status } = await opened.invoke('Unary', { metadata });
  return { message: error?.details, words: status?.details.localizedMessage, log: opened.log };
}

describe('a failure', () => {
  it('has the words for people beside those for developers', async () => {
    const { message, words } = await answer(notFound);
    expect(message).toBe('no order');
    expect(words).toEqual({ locale: 'de-CH', message: 'probe.test de-CH: Bestellung 7 fehlt' });
  });

  it.each<[string, () => unknown, string]>([
    ['nobody has asked for a language', notFound, ''],
    ['any language will do', notFound, '*'],
    ['what is asked for is no language', notFound, 'de_DE<script>'],
    ['there are none', fails(new Error('secret')), 'de'],
  ])('has none where %s', async (_, handle, languages) => {
    expect((await answer(handle, german, languages)).words).toBeUndefined();
  });

  it.each([
    ['empty', ''],
    ['no text', 5],
    ['yet to come', Promise.resolve('später')],
  ])('has none where they are %s', async (_, words) => {
    expect((await answer(notFound, () => words as string)).words).toBeUndefined();
  });

  it('has them in a language that is asked for with its weight', async () => {
    expect((await answer(notFound, german, 'de;q=0.9')).words?.locale).toBe('de');
  });

  it('keeps those that it has', async () => {
    const { words } = await answer(fails(new FrenchError('no')), () => 'other');
    expect(words).toEqual({ locale: 'fr', message: 'à elle' });
  });

  it('is answered without them where they fail, and that is told', async () => {
    const { message, words, log } = await answer(notFound, fails(new Error('no catalogue')));
    expect([message, words]).toEqual(['no order', undefined]);
    expect(log.messages('error').join('\n')).toContain(
      'localize has failed for ORDER_NOT_FOUND of probe.test in de-CH: "no catalogue"',
    );
  });
});

describe('a REST door', () => {
  const headers = { 'accept-language': 'de' };

  it('shows them', async () => {
    const { body, language } = await door(() => ({}), {
      local: notFound,
      localize: german,
      headers,
    });
    expect([body['detail'], language]).toEqual(['door.test de: Bestellung 7 fehlt', 'de']);
  });

  it('has words for what the service behind it says', async () => {
    const { body } = await door(notFound, { localize: german, headers });
    expect(body['detail']).toBe('probe.test de: Bestellung 7 fehlt');
  });

  it('passes on the words of the service behind it', async () => {
    const behind = { localize: german };
    const { body, language } = await door(notFound, { behind, metadata: headers });
    expect([body['detail'], language]).toEqual(['probe.test de: Bestellung 7 fehlt', 'de']);
  });

  it('has them among the details of AIP-193', async () => {
    const { body, language } = await door(() => ({}), {
      local: notFound,
      localize: german,
      headers,
      http: 'aip193',
    });
    expect(language).toBeNull();
    expect(body['error']).toMatchObject({
      message: 'no order',
      details: [
        { reason: 'ORDER_NOT_FOUND' },
        {
          '@type': 'type.googleapis.com/google.rpc.LocalizedMessage',
          locale: 'de',
          message: 'door.test de: Bestellung 7 fehlt',
        },
      ],
    });
  });
});
