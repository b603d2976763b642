import { expect, it } from 'vitest';
import { z } from 'zod';
import { ConfigurationError, readConfig } from '@shop/platform';

const schema = z.object({
  PORT: z.coerce.number().int().positive().default(3000),
  DATABASE_URL: z.url(),
});

it('takes what is set and the defaults for the rest', () => {
  const config = readConfig('orders', schema, { PORT: '', DATABASE_URL: 'postgres://db/orders' });
  expect(config).toEqual({ PORT: 3000, DATABASE_URL: 'postgres://db/orders' });
});

it('names every bad variable with its value in one error, and no password', () => {
  const read = () =>
    readConfig('orders', schema.extend({ AMQP_URL: z.url({ protocol: /^amqps?$/ }) }), {
      PORT: 'http',
      AMQP_URL: 'redis://user:hunter2@host',
    });
  expect(read).toThrow(ConfigurationError);
  expect(read).toThrow(
    /orders[^]*PORT=http[^]*DATABASE_URL=\(not set\)|DATABASE_URL=\(not set\)[^]*PORT=http/,
  );
  expect(read).not.toThrow(/hunter2/);
});
