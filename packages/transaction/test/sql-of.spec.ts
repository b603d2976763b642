import {
  isTransactionError,
  mysqlErrnoOf,
  sqlOf,
  sqlStateOf,
  UnknownHandleError,
} from '@acme/nest-transaction';
import { describe, expect, it } from 'vitest';

describe('sqlOf', () => {
  it.each([
    ['nothing', undefined, 'undefined'],
    ['text, which may have a password', 'postgres://ann:s3cret@h', 'known: a text. '],
    ['an object of another library', new Map(), 'a Map'],
    ['a function', () => undefined, 'known'],
    ['an object without a prototype', Object.create(null), 'an object without a class'],
  ])('refuses %s, and lists what is accepted', (_, handle, description) => {
    expect(() => sqlOf(handle)).toThrow(UnknownHandleError);
    expect(() => sqlOf(handle)).toThrow(description);
    expect(() => sqlOf(handle)).toThrow(/Prisma.*TypeORM.*pg Pool.*mysql2.*TransactionHost/);
  });
});

describe('sqlStateOf', () => {
  it.each([
    ['pg', { code: '23505' }, '23505'],
    ['mysql2', { code: 'ER_DUP_ENTRY', errno: 1062, sqlState: '23000' }, '23000'],
    ['TypeORM', { driverError: { code: '40001' } }, '40001'],
    ['Sequelize', { parent: { code: '40P01' } }, '40P01'],
    ['Drizzle', { cause: { code: '25P02' } }, '25P02'],
    [
      'Prisma',
      { code: 'P2010', meta: { driverAdapterError: { cause: { originalCode: '22012' } } } },
      '22012',
    ],
    ['the network', { code: 'EPIPE' }, undefined],
    ['nobody', 'text', undefined],
  ])('finds what %s says', (_, error, state) => {
    expect(sqlStateOf(error)).toBe(state);
  });

  it('ends on an error that is its own cause', () => {
    const error = new Error('loop');
    error.cause = error;
    expect(sqlStateOf(error)).toBeUndefined();
  });
});

describe('mysqlErrnoOf', () => {
  const locked = { code: 'ER_LOCK_WAIT_TIMEOUT', errno: 1205, sqlState: 'HY000' };
  it.each([
    ['mysql2 and mariadb', locked, 1205],
    ['TypeORM', { driverError: locked }, 1205],
    ['Sequelize', { parent: locked }, 1205],
    ['Drizzle', { cause: locked }, 1205],
    ['the network', { code: 'ECONNREFUSED', errno: -111 }, undefined],
    ['the network, through mariadb', { errno: -104, sqlState: 'HY000' }, undefined],
    ['pg', { code: '40001' }, undefined],
    ['nobody', undefined, undefined],
  ])('finds what %s says', (_, error, errno) => {
    expect(mysqlErrnoOf(error)).toBe(errno);
  });
});

describe('isTransactionError', () => {
  it('knows the errors of another installed copy', () => {
    const foreign = {
      [Symbol.for('@acme/nest-transaction:error')]: true,
      code: 'TRANSACTION_REQUIRED',
    };
    expect(isTransactionError(foreign)).toBe(true);
    expect(isTransactionError(foreign, 'TRANSACTION_REQUIRED')).toBe(true);
    expect(isTransactionError(foreign, 'TRANSACTION_ENDED')).toBe(false);
    expect(isTransactionError(new Error('other'))).toBe(false);
    expect(isTransactionError(undefined)).toBe(false);
  });
});
