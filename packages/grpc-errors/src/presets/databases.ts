import { GrpcCode } from '../core/codes.js';
import type { FailureOf, GrpcFailure } from '../core/failure.js';
import { readSafely, textIn } from '../core/read-safely.js';

// Words of databases name tables, constraints and values: none of them goes to callers.
const exists: GrpcFailure = {
  code: GrpcCode.ALREADY_EXISTS,
  reason: 'ALREADY_EXISTS',
  message: 'It exists already.',
};
const missing: GrpcFailure = {
  code: GrpcCode.NOT_FOUND,
  reason: 'NOT_FOUND',
  message: 'It does not exist.',
};
const refused: GrpcFailure = {
  code: GrpcCode.FAILED_PRECONDITION,
  reason: 'CONSTRAINT_VIOLATED',
  message: 'It does not go with what is stored.',
};
const conflict: GrpcFailure = {
  code: GrpcCode.ABORTED,
  reason: 'TRANSACTION_CONFLICT',
  message: 'Another change came in between. Read again, and try again.',
};
const away: GrpcFailure = {
  code: GrpcCode.UNAVAILABLE,
  reason: 'DATABASE_UNAVAILABLE',
  message: 'The database does not take requests at the moment.',
};
const late: GrpcFailure = {
  code: GrpcCode.DEADLINE_EXCEEDED,
  reason: 'DATABASE_TIMEOUT',
  message: 'The database took longer than it may.',
};

const own = (table: Readonly<Record<string, GrpcFailure>>, key: string): GrpcFailure | undefined =>
  Object.hasOwn(table, key) ? table[key] : undefined;

const SQLSTATES: Readonly<Record<string, GrpcFailure>> = {
  '23505': exists,
  '23503': refused,
  '23514': refused,
  '23P01': refused,
  '40001': conflict,
  '40P01': conflict,
  '55P03': conflict,
  '57014': late,
  '57P01': away,
  '57P02': away,
  '57P03': away,
};

/** PostgreSQL, through whichever client: an SQLSTATE beside a severity. */
export const pgFailure: FailureOf = (error) => {
  const state = textIn(error, 'code');
  if (state === undefined || textIn(error, 'severity') === undefined) return undefined;
  // Connection exceptions, and resources that have run out.
  return own(SQLSTATES, state) ?? (/^(?:08|53)/.test(state) ? away : undefined);
};

const PRISMA: Readonly<Record<string, GrpcFailure>> = {
  P2002: exists,
  P2001: missing,
  P2015: missing,
  P2018: missing,
  P2025: missing,
  P2003: refused,
  P2004: refused,
  P2014: refused,
  P2034: conflict,
  P1001: away,
  P1002: away,
  P1017: away,
  P2024: away,
  P1008: late,
};

/** Prisma's `PrismaClientKnownRequestError` and its like: they say which version of it has thrown. */
export const prismaFailure: FailureOf = (error) => {
  const code = textIn(error, 'code') ?? textIn(error, 'errorCode');
  return code !== undefined && textIn(error, 'clientVersion') !== undefined
    ? own(PRISMA, code)
    : undefined;
};

const TYPEORM: Readonly<Record<string, GrpcFailure>> = {
  EntityNotFoundError: missing,
  OptimisticLockVersionMismatchError: conflict,
};

/** TypeORM's own errors by name; what the driver has thrown stands in `driverError`, and is found like a cause. */
export const typeormFailure: FailureOf = (error) => {
  const name = textIn(error, 'name');
  const found = name === undefined ? undefined : own(TYPEORM, name);
  return found && readSafely(error, 'stack') !== undefined ? found : undefined;
};
