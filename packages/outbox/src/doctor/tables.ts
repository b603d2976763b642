import type { OutboxFinding, TablesVersion } from '../contracts/examination.js';

/** Whether the tables are those that this package needs. */
export function judgeTables({ found, needed }: TablesVersion): OutboxFinding[] {
  const detail = { found, needed };
  if (found === 0)
    return [
      {
        code: 'TABLES_MISSING',
        severity: 'error',
        message: 'The outbox has no tables here.',
        remedy:
          'Run nest-outbox migrate. If the service has tables elsewhere, give the schema that it has.',
        detail,
      },
    ];
  if (found < needed)
    return [
      {
        code: 'TABLES_OUTDATED',
        severity: 'error',
        message: `The tables are at version ${found}; this package needs ${needed}.`,
        remedy: 'Run nest-outbox migrate before the new version of the service starts.',
        detail,
      },
    ];
  if (found > needed)
    return [
      {
        code: 'TABLES_NEWER',
        severity: 'warning',
        message: `The tables are at version ${found}; this package knows ${needed}. It works, and knows nothing of what is new.`,
        remedy: 'Upgrade @acme/nest-outbox here to the version that the service has.',
        detail,
      },
    ];
  return [];
}
