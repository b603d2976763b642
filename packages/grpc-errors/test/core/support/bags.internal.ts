import fc from 'fast-check';
import type {
  AnyDetail,
  ErrorDetails,
  FieldViolation,
  QuotaViolation,
  RichStatus,
} from '../../../src/core/details/types.js';

/** Texts that UTF-8 can say: others come back changed. */
const text = fc.string({ unit: 'grapheme', maxLength: 80 });
const written = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 80 });
const key = fc.oneof(written, fc.constantFrom('__proto__', 'constructor', 'toString', '1', ''));
const integer = fc.maxSafeInteger();
const nonZero = integer.filter((number) => number !== 0);

const texts = fc
  .array(fc.tuple(key, text), { maxLength: 6 })
  .map((entries) => Object.fromEntries(entries) as Record<string, string>);

const someTexts = texts.filter((map) => Object.keys(map).length > 0);
const record = <T>(
  model: { [K in keyof T]: fc.Arbitrary<T[K]> },
  requiredKeys = Object.keys(model) as (keyof T)[],
): fc.Arbitrary<T> => fc.record(model, { requiredKeys, noNullPrototype: true }) as fc.Arbitrary<T>;
const list = <T>(element: fc.Arbitrary<T>) => fc.array(element, { maxLength: 5 });

const localizedMessage = record({ locale: text, message: text });

const quotaViolation = record<QuotaViolation>(
  {
    subject: text,
    description: text,
    apiService: written,
    quotaMetric: written,
    quotaId: written,
    quotaDimensions: someTexts,
    quotaValue: nonZero,
    futureQuotaValue: integer,
  },
  ['subject', 'description'],
);

const fieldViolation = record<FieldViolation>(
  { field: text, description: text, reason: written, localizedMessage },
  ['field', 'description'],
);

/** Details of types that we do not know. */
const other: fc.Arbitrary<AnyDetail> = record({
  typeUrl: text.map((name) => `type.googleapis.com/acme.${name}`),
  value: fc.uint8Array({ maxLength: 60 }),
});

const slots = {
  errorInfo: record({ reason: text, domain: text, metadata: texts }),
  retryInfo: record({ retryDelayMs: fc.nat().map((ms) => ms * 1_000 + 7) }),
  debugInfo: record({ stackEntries: list(text), detail: text }),
  quotaFailure: record({ violations: list(quotaViolation) }),
  preconditionFailure: record({
    violations: list(record({ type: text, subject: text, description: text })),
  }),
  badRequest: record({ fieldViolations: list(fieldViolation) }),
  requestInfo: record({ requestId: text, servingData: text }),
  resourceInfo: record({ resourceType: text, resourceName: text, owner: text, description: text }),
  help: record({ links: list(record({ description: text, url: text })) }),
  localizedMessage,
  other: fc.array(other, { minLength: 1, maxLength: 4 }),
};

const details: fc.Arbitrary<ErrorDetails> = record<ErrorDetails>(slots, []);

export const status: fc.Arbitrary<RichStatus> = record({
  code: fc.integer(),
  message: text,
  details,
});
