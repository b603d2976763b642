import type { CatalogueEntry, ErrorCatalogue } from './error-catalogue.js';

/** Something that was published, and is not kept. */
export interface CatalogueProblem {
  readonly domain: string;
  readonly reason: string;
  /** What of it. */
  readonly kind: 'gone' | 'code' | 'metadata';
  /** What has happened. */
  readonly text: string;
}

/** What a file of JSON holds is one. */
type Published = Pick<CatalogueEntry, 'domain' | 'reason' | 'metadata' | 'class'> & {
  readonly code: string;
};

/**
 * What callers may look at and do not find any more (AIP-193): a reason that is gone, has another code, or lacks a fact that it had. What is new breaks nothing.
 * Classes may be renamed, split and merged.
 */
export function checkErrorCatalogue(
  published: { readonly errors: readonly Published[] },
  { errors }: Pick<ErrorCatalogue, 'errors'>,
): CatalogueProblem[] {
  return published.errors.flatMap((one): CatalogueProblem[] => {
    const { domain, reason } = one;
    const broken = (kind: CatalogueProblem['kind'], text: string): CatalogueProblem[] => [
      { domain, reason, kind, text },
    ];
    const all = errors.filter((other) => other.domain === domain && other.reason === reason);
    if (all.length === 0) return broken('gone', 'is gone');
    // Two classes may share a reason: each is held to what it had.
    const own = all.filter((other) => other.class === one.class);
    const now = own.length > 0 ? own : all;
    const alike = now.filter(({ code }) => code === one.code);
    if (alike.length === 0)
      return broken('code', `was ${one.code}, and is ${now.map(({ code }) => code).join(' or ')}`);
    // Somebody has to have them all: of two that share them callers find some.
    const [lost] = alike
      .map(({ metadata }) => (one.metadata ?? []).filter((key) => !metadata?.includes(key)))
      .toSorted((a, b) => a.length - b.length);
    if (!lost?.length) return [];
    const isHidden = alike.some(({ metadata }) => metadata === null);
    return broken(
      'metadata',
      isHidden
        ? `had ${lost.join(', ')}, and a function gives its facts now: they cannot be seen`
        : `had ${lost.join(', ')}`,
    );
  });
}

/** Those of which nothing was known. */
export const newReasons = (
  published: { readonly errors: readonly Published[] },
  { errors }: Pick<ErrorCatalogue, 'errors'>,
): CatalogueEntry[] =>
  errors.filter(
    ({ domain, reason }) =>
      !published.errors.some((one) => one.domain === domain && one.reason === reason),
  );
