import type { ErrorDetails } from '../../../src/core/details/types.js';

/** One of each, every field set, to be found again in the bytes. */
export const GOLDEN = {
  errorInfo: { reason: 'NO_ORDER', domain: 'acme.dev', metadata: { orderId: '4711', tenant: '' } },
  retryInfo: { retryDelayMs: 90_250 },
  debugInfo: { stackEntries: ['at a', 'at b'], detail: 'why' },
  quotaFailure: {
    violations: [
      {
        subject: 'tenant:7',
        description: 'too many',
        apiService: 'api',
        quotaMetric: 'calls',
        quotaId: 'per-day',
        quotaDimensions: { region: 'eu' },
        quotaValue: 5_000_000_000,
        futureQuotaValue: 0,
      },
      { subject: 's', description: 'd', quotaValue: -1 },
    ],
  },
  preconditionFailure: { violations: [{ type: 'TOS', subject: 'user:1', description: 'accept' }] },
  badRequest: {
    fieldViolations: [
      { field: 'items[0].sku', description: 'is empty' },
      {
        field: 'email',
        description: 'no @',
        reason: 'FORM',
        localizedMessage: { locale: 'de-CH', message: 'ungültig 😀' },
      },
    ],
  },
  requestInfo: { requestId: 'r-1', servingData: 'pod-3' },
  resourceInfo: {
    resourceType: 'order',
    resourceName: 'orders/1',
    owner: 'me',
    description: 'gone',
  },
  help: { links: [{ description: 'read', url: 'https://acme.dev/e' }] },
  localizedMessage: { locale: 'fr', message: 'Déjà là' },
} satisfies ErrorDetails;
